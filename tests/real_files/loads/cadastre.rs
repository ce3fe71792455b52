//! Prices, sales, land use and addresses in delimited text.

use super::Delivery;
use crate::support::{Part, is_left_out};

#[tokio::test]
async fn price_paid_in_greater_manchester() {
    let delivery = Delivery {
        tables: "create table paid (id uuid primary key, price int not null, deeded date not null,
            postcode text, kind char(1), new_build boolean not null, estate text)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/cadastre/uk_price_paid/ppd_greater_manchester.csv"
[[target]]
table = "public.paid"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "unique_id" }
price = { from = "price_paid", minimum = 1 }
deeded = { from = "deed_date", minimum = "2019-01-01", maximum = "2019-12-31" }
postcode = { from = "postcode", pattern = '[A-Z]{1,2}\d{1,2}[A-Z]? \d[A-Z]{2}' }
kind = { from = "property_type", enum = ["S", "T", "D"] }
new_build = { from = "new_build" }
estate = { from = "estate_type", map = { F = "freehold", L = "leasehold" } }
"#,
        tally: [15374, 0, 0, 0, 15374, 0, 0],
        codes: &[],
        facts: &[
            ("select sum(price) from paid", "3287454280"),
            ("select count(*) from paid where new_build", "1590"),
            ("select count(*) from paid where estate = 'leasehold'", "6399"),
            ("select max(deeded) from paid", "2019-12-20"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn irish_prices_packed_without_header_and_with_days_first() {
    let delivery = Delivery {
        tables: "create table sale (sold date not null, county text not null,
            price numeric(12, 2) not null, partial boolean not null)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/cadastre/ie_property_price/ppr_2010_2012_no_header.csv.bz2"
header = false
[[target]]
table = "public.sale"
mode = "append"
[target.columns]
sold = { from = 1, format = "%d/%m/%Y", minimum = "2010-01-01", maximum = "2012-12-31" }
county = { from = 3, required = true }
price = { from = 4, steps = [{ replace_regex = ['(\.\d\d)\d+$', '$1'] }] }
partial = { from = 5, true_words = ["Yes"], false_words = ["No"] }
"#,
        tally: [52982, 0, 0, 0, 52982, 0, 0],
        codes: &[],
        facts: &[
            ("select count(*) from sale where partial", "2987"),
            ("select count(*) from sale where extract(year from sold) = 2010", "20769"),
            ("select count(*) from sale where extract(year from sold) = 2012", "14231"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn taipei_sales_with_a_second_header_and_another_calendar() {
    let delivery = Delivery {
        tables: "create table deal (serial text primary key, district text, price bigint,
            managed boolean, dated text)",
        // The second row is the header's translation: one record that is not one.
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/cadastre/tw_lvr/a_lvr_land_a.csv"
[[target]]
table = "public.deal"
mode = "upsert"
key = ["serial"]
when = { "編號" = { pattern = '[A-Z0-9]+' } }
[target.columns]
serial = { from = "編號" }
district = { from = "鄉鎮市區" }
price = { from = "總價元" }
managed = { from = "有無管理組織", true_words = ["有"], false_words = ["無"] }
dated = { from = "交易年月日", pattern = '\d{7}' }
"#,
        tally: [6535, 1, 0, 0, 6534, 0, 0],
        codes: &[],
        facts: &[
            ("select sum(price) from deal", "184401946495"),
            ("select count(*) from deal where managed", "3952"),
            ("select count(*) from deal where district = '中山區'", "908"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn land_use_of_an_assessor_with_a_mark_at_the_start() {
    let delivery = Delivery {
        tables:
            "create table land (parcel varchar(15) not null, application int, total numeric(8, 3),
            kind varchar(5), acres numeric(8, 3) not null)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/cadastre/us_oh_seneca/AG_LAND.csv"
[[target]]
table = "public.land"
mode = "append"
[target.columns]
parcel = { from = "PARID" }
application = { from = "AGAPPL" }
total = { from = "TOTAL ACRES" }
kind = { from = "USE" }
acres = { from = "USE ACRES", minimum = 0 }
"#,
        // A fourth decimal is not rounded away; one record has it in both columns.
        tally: [50940, 0, 22, 0, 50918, 0, 0],
        codes: &[("type.numeric", 23)],
        facts: &[
            ("select sum(acres) from land", "311703.723"),
            ("select count(*) from land where kind = 'CROP'", "24000"),
            ("select count(distinct parcel) from land", "6351"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn lots_of_condominiums_with_marks_between_thousands() {
    let delivery = Delivery {
        tables: "create table lot (bbl char(10) primary key, borough smallint, land int, stories numeric(5, 2), built int)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/cadastre/us_nyc_pluto/pluto_input_condolot_descriptiveattributes.csv"
group_mark = ","
[[target]]
table = "public.lot"
mode = "upsert"
key = ["bbl"]
[target.columns]
bbl = { from = "PARID", pattern = '[1-5]\d{9}' }
borough = { from = "Boro" }
land = { from = "LandSize" }
stories = { from = "Story" }
built = { from = "YearBuilt", null = ["", "0"] }
"#,
        tally: [8340, 0, 0, 0, 8340, 0, 0],
        codes: &[],
        facts: &[
            ("select sum(land) from lot", "120415424"),
            ("select count(*) from lot where built is null", "282"),
            ("select count(*) from lot where borough is null", "112"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn japanese_addresses_in_their_own_encoding_from_an_archive() {
    if is_left_out(Part::Postgis, "it loads geometries") {
        return;
    }
    let delivery = Delivery {
        tables: "create table block (id int generated always as identity primary key,
            prefecture text not null, block text, place geometry(Point, 4326) not null)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/cadastre/openaddresses_tests/data/jp-fukushima.zip"
member = "*/07_2013.CSV"
encoding = "shift_jis"
[[target]]
table = "public.block"
mode = "append"
[target.columns]
prefecture = { from = "都道府県名", enum = ["福島県"] }
block = { from = "街区符号・地番" }
place = { from = ["経度", "緯度"], crs = "EPSG:4326", bounds = [139, 36, 142, 38] }
"#,
        tally: [6, 0, 0, 0, 6, 0, 0],
        codes: &[],
        facts: &[("select count(*) from block where st_y(place) between 37 and 38", "6")],
    };
    delivery.check().await;
}

#[tokio::test]
async fn bars_of_an_exchange_in_milliseconds_since_1970() {
    let delivery = Delivery {
        tables: "create table bar (opened timestamptz primary key, low numeric(18, 8), high numeric(18, 8),
            trades int, check (low <= high))",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/trading/nautilus/ADABTC-1m-2021-11-27.csv"
header = false
[[target]]
table = "public.bar"
mode = "insert"
key = ["opened"]
[target.columns]
opened = { from = 1, format = "%Q" }
high = { from = 3 }
low = { from = 4 }
trades = { from = 9 }
"#,
        tally: [10, 0, 0, 0, 10, 0, 0],
        codes: &[],
        facts: &[
            ("select sum(trades) from bar", "566"),
            ("select extract(epoch from min(opened))::bigint from bar", "1637971200"),
            ("select max(opened) - min(opened) from bar", "00:09:00"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn bars_of_a_session_in_local_time() {
    let delivery = Delivery {
        tables: "create table bar (at timestamptz primary key, high real, low real)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/trading/mplfinance/SP500_NOV2019_IDay.csv"
[[target]]
table = "public.bar"
mode = "upsert"
key = ["at"]
[target.columns]
at = { from = "Date", format = "%-m/%-d/%Y %-H:%M", zone = "America/New_York" }
high = { from = "High" }
low = { from = "Low" }
[[target.check]]
sql = "low <= high"
message = "the low is above the high"
"#,
        tally: [1563, 0, 0, 0, 1563, 0, 0],
        codes: &[],
        facts: &[("select min(at) at time zone 'UTC' from bar", "2019-11-05 14:30:00")],
    };
    delivery.check().await;
}

#[tokio::test]
async fn futures_between_semicolons() {
    let delivery = Delivery {
        tables: "create table bar (at timestamp primary key, volume int, kind text)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/trading/nautilus/6EH4.XCME_1min_bars.csv"
delimiter = ";"
[[target]]
table = "public.bar"
mode = "upsert"
key = ["at"]
[target.columns]
at = { from = "timestamp_utc" }
volume = { from = "volume" }
kind = { from = "pricetype", enum = ["Last"] }
"#,
        tally: [9, 0, 0, 0, 9, 0, 0],
        codes: &[],
        facts: &[("select sum(volume) from bar", "739")],
    };
    delivery.check().await;
}
