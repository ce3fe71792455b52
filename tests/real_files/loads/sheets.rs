//! Workbooks: titles above the header, other epochs, every container.

use super::Delivery;

#[tokio::test]
async fn sales_of_the_bronx_below_their_titles() {
    let delivery = Delivery {
        tables: "create table sale (borough smallint, block int, lot int, zip text, price numeric(14, 2), sold date)",
        pipeline: r#"
[source]
format = "xls"
path = "$DATA/spreadsheet/gov/nyc_rollingsales_bronx.xls"
header = 5
[[target]]
table = "public.sale"
mode = "append"
[target.columns]
borough = { from = "BOROUGH", enum = ["2"] }
block = { from = "BLOCK" }
lot = { from = "LOT" }
zip = { from = "ZIP CODE", steps = [{ pad_left = [5, "0"] }] }
price = { from = "SALE PRICE", minimum = 0 }
sold = { from = "SALE DATE" }
"#,
        tally: [6056, 0, 0, 0, 6056, 0, 0],
        codes: &[],
        facts: &[
            ("select count(*) from sale where borough = 2", "6056"),
            ("select count(*) from sale where price is null or sold is null", "0"),
            ("select max(sold) - min(sold) <= 366 from sale", "true"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn estimates_of_populations_below_sixteen_rows_of_words() {
    let delivery = Delivery {
        tables: "create table estimate (at int primary key, country int, extra jsonb)",
        pipeline: r#"
[source]
format = "xls"
path = "$DATA/spreadsheet/gov/wpp.xls"
sheet = "ESTIMATES"
header = 17
[[target]]
table = "public.estimate"
mode = "upsert"
key = ["at"]
[target.columns]
at = { from = 1 }
country = { from = 5 }
extra = { rest = true }
"#,
        tally: [265, 0, 0, 0, 265, 0, 0],
        codes: &[],
        facts: &[
            ("select max(at) - min(at) from estimate", "264"),
            ("select country from estimate where at = 1", "900"),
        ],
    };
    delivery.check().await;
}

/// The same three rows in three containers; serial 42,735 is the first of January 2021.
#[tokio::test]
async fn a_workbook_that_counts_from_1904() {
    for format in ["xlsx", "xlsb", "xls"] {
        let pipeline = format!(
            r#"
[source]
format = "{format}"
path = "$DATA/spreadsheet/calamine/date_1904.{format}"
header = false
[[target]]
table = "public.moment"
mode = "append"
[target.columns]
at = {{ from = 1 }}
"#
        );
        let delivery = Delivery {
            tables: "create table moment (at timestamp)",
            pipeline: &pipeline,
            // The third row is a span of hours, which is no moment.
            tally: [3, 0, 1, 0, 2, 0, 0],
            codes: &[("type.timestamp", 1)],
            facts: &[("select min(at) from moment", "2021-01-01 00:00:00")],
        };
        delivery.check().await;
    }
}

#[tokio::test]
async fn a_binary_workbook_as_excel_saved_it() {
    let delivery = Delivery {
        tables: "create table number (hundredfold boolean, whole boolean, sample numeric)",
        pipeline: r#"
[source]
format = "xlsb"
path = "$DATA/spreadsheet/sheetjs_excel_oracle/in/RkNumber.xlsb"
[[target]]
table = "public.number"
mode = "append"
[target.columns]
hundredfold = { from = "fX100" }
whole = { from = "fInt" }
sample = { from = "sample" }
"#,
        tally: [4, 0, 0, 0, 4, 0, 0],
        codes: &[],
        facts: &[(
            "select string_agg(sample::text, ' ' order by sample) from number",
            "0.01 12004.55 1200455 10000000",
        )],
    };
    delivery.check().await;
}

#[tokio::test]
async fn an_open_document_with_rows_said_once() {
    let delivery = Delivery {
        tables: "create table line (first text, second text)",
        pipeline: r#"
[source]
format = "ods"
path = "$DATA/spreadsheet/calamine/number_rows_repeated.ods"
header = false
[[target]]
table = "public.line"
mode = "append"
[target.columns]
first = { from = 1 }
second = { from = 2 }
"#,
        // Two of the rows that are repeated are empty.
        tally: [5, 0, 0, 0, 5, 0, 0],
        codes: &[],
        facts: &[("select count(*) from line where first = 'A' and second = 'B'", "1")],
    };
    delivery.check().await;
}

#[tokio::test]
async fn events_in_a_large_sheet() {
    let delivery = Delivery {
        tables: "create table event (id int generated always as identity primary key, dated date, extra jsonb)",
        pipeline: r#"
[source]
format = "xlsx"
path = "$DATA/spreadsheet/gov/acled.xlsx"
sheet = "Sheet1"
[[target]]
table = "public.event"
mode = "append"
[target.columns]
extra = { rest = true }
"#,
        tally: [2619, 0, 0, 0, 2619, 0, 0],
        codes: &[],
        facts: &[],
    };
    delivery.check().await;
}
