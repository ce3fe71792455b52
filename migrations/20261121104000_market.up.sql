-- A trading platform's history: bars, trades, orders, and what accounts hold.
--
-- Prices and amounts are exact decimals. Bars, trades and fills are partitioned by month;
-- partitions are made when rows for them arrive.

create schema market;
comment on schema market is 'A trading platform: what was quoted, ordered, traded and held.';

create type market.side as enum ('buy', 'sell');
comment on type market.side is 'Which side of a trade.';

create type market.order_status as enum ('new', 'partially_filled', 'filled', 'cancelled', 'rejected');
comment on type market.order_status is 'How far an order has come.';

create domain market.price as numeric(38, 18) check (value >= 0);
comment on domain market.price is 'A price, exact, never below zero.';

create domain market.quantity as numeric(38, 18) check (value > 0);
comment on domain market.quantity is 'An amount that is traded, exact and above zero.';

create table market.asset (
    asset_id bigint generated always as identity primary key,
    symbol text not null unique check (symbol ~ '^[A-Z0-9.]+$'),
    name text not null check (name <> ''),
    decimals smallint not null default 8 check (decimals between 0 and 18)
);
comment on table market.asset is 'What can be held.';
comment on column market.asset.asset_id is 'Our number of the asset.';
comment on column market.asset.symbol is 'Its symbol, such as BTC.';
comment on column market.asset.name is 'Its name.';
comment on column market.asset.decimals is 'Decimals it is counted in.';

create table market.market (
    market_id bigint generated always as identity primary key,
    symbol text not null unique check (symbol ~ '^[A-Z0-9.]+(-[A-Z0-9.]+)?$'),
    base_asset_id bigint references market.asset on delete restrict,
    quote_asset_id bigint references market.asset on delete restrict,
    active boolean not null default true,
    check (base_asset_id <> quote_asset_id)
);
create index market_base_asset_id_idx on market.market (base_asset_id);
create index market_quote_asset_id_idx on market.market (quote_asset_id);
comment on table market.market is 'What can be traded: one asset against another.';
comment on column market.market.market_id is 'Our number of the market.';
comment on column market.market.symbol is 'Its symbol, such as BTC-USDT.';
comment on column market.market.base_asset_id is 'What is bought and sold.';
comment on column market.market.quote_asset_id is 'What it is paid in.';
comment on column market.market.active is 'Whether it is traded.';

create table market.price_history (
    market_id bigint not null references market.market on delete restrict,
    "interval" text not null check ("interval" ~ '^[1-9][0-9]*[smhdwM]$'),
    "time" timestamptz not null,
    open market.price not null,
    high market.price not null,
    low market.price not null,
    close market.price not null,
    volume numeric(38, 18) not null check (volume >= 0),
    primary key (market_id, "interval", "time"),
    check (high >= low),
    check (open between low and high),
    check (close between low and high)
) partition by range ("time");
comment on table market.price_history is 'Bars: how a price moved within an interval; partitioned by month.';
comment on column market.price_history.market_id is 'The market.';
comment on column market.price_history."interval" is 'How long a bar is, such as 1m or 1d.';
comment on column market.price_history."time" is 'When the bar begins.';
comment on column market.price_history.open is 'The first price.';
comment on column market.price_history.high is 'The highest.';
comment on column market.price_history.low is 'The lowest.';
comment on column market.price_history.close is 'The last price.';
comment on column market.price_history.volume is 'How much was traded.';

create table market.orders (
    order_id bigint generated always as identity primary key,
    exchange_order_id text not null unique check (exchange_order_id <> ''),
    market_id bigint not null references market.market on delete restrict,
    account text not null check (account <> ''),
    side market.side not null,
    status market.order_status not null default 'new',
    limit_price market.price,
    quantity market.quantity not null,
    ordered_at timestamptz not null
);
create index orders_market_id_ordered_at_idx on market.orders (market_id, ordered_at);
create index orders_account_idx on market.orders (account);
comment on table market.orders is 'Orders to buy or sell.';
comment on column market.orders.order_id is 'Our number of the order.';
comment on column market.orders.exchange_order_id is 'The exchange''s number of the order.';
comment on column market.orders.market_id is 'The market.';
comment on column market.orders.account is 'Whose order it is.';
comment on column market.orders.side is 'Buying or selling.';
comment on column market.orders.status is 'How far it has come.';
comment on column market.orders.limit_price is 'At which price at worst; NULL for any.';
comment on column market.orders.quantity is 'How much.';
comment on column market.orders.ordered_at is 'When.';

create table market.trades (
    market_id bigint not null references market.market on delete restrict,
    exchange_trade_id text not null check (exchange_trade_id <> ''),
    price market.price not null,
    quantity market.quantity not null,
    side market.side,
    traded_at timestamptz not null,
    primary key (market_id, exchange_trade_id, traded_at)
) partition by range (traded_at);
create index trades_traded_at_idx on market.trades (traded_at);
comment on table market.trades is 'Trades of a market, each once by the exchange''s number; partitioned by month.';
comment on column market.trades.market_id is 'The market.';
comment on column market.trades.exchange_trade_id is 'The exchange''s number of the trade.';
comment on column market.trades.price is 'The price.';
comment on column market.trades.quantity is 'How much.';
comment on column market.trades.side is 'Who took the offer; NULL where it is not told.';
comment on column market.trades.traded_at is 'When.';

create table market.fills (
    exchange_trade_id text not null check (exchange_trade_id <> ''),
    order_id bigint not null references market.orders on delete restrict,
    market_id bigint not null references market.market on delete restrict,
    price market.price not null,
    quantity market.quantity not null,
    fee numeric(38, 18) not null default 0,
    filled_at timestamptz not null,
    primary key (order_id, exchange_trade_id, filled_at)
) partition by range (filled_at);
create index fills_market_id_filled_at_idx on market.fills (market_id, filled_at);
comment on table market.fills is 'What orders were filled with, each once by the exchange''s number; partitioned by month.';
comment on column market.fills.exchange_trade_id is 'The exchange''s number of the trade.';
comment on column market.fills.order_id is 'The order.';
comment on column market.fills.market_id is 'The market.';
comment on column market.fills.price is 'The price.';
comment on column market.fills.quantity is 'How much.';
comment on column market.fills.fee is 'What it cost; negative for a rebate.';
comment on column market.fills.filled_at is 'When.';

create table market.positions (
    account text not null check (account <> ''),
    market_id bigint not null references market.market on delete restrict,
    quantity numeric(38, 18) not null,
    average_price market.price not null,
    updated_at timestamptz not null default now(),
    primary key (account, market_id)
);
create index positions_market_id_idx on market.positions (market_id);
comment on table market.positions is 'What an account holds in a market.';
comment on column market.positions.account is 'Whose.';
comment on column market.positions.market_id is 'The market.';
comment on column market.positions.quantity is 'How much; negative for what was sold short.';
comment on column market.positions.average_price is 'At which price on average.';
comment on column market.positions.updated_at is 'As of when.';

create table market.balances (
    account text not null check (account <> ''),
    asset_id bigint not null references market.asset on delete restrict,
    available numeric(38, 18) not null check (available >= 0),
    locked numeric(38, 18) not null default 0 check (locked >= 0),
    updated_at timestamptz not null default now(),
    primary key (account, asset_id)
);
create index balances_asset_id_idx on market.balances (asset_id);
comment on table market.balances is 'What an account owns of an asset.';
comment on column market.balances.account is 'Whose.';
comment on column market.balances.asset_id is 'The asset.';
comment on column market.balances.available is 'Free to use.';
comment on column market.balances.locked is 'Bound by open orders.';
comment on column market.balances.updated_at is 'As of when.';

create table market.portfolio_snapshots (
    account text not null check (account <> ''),
    taken_at timestamptz not null,
    value numeric(38, 18) not null,
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    primary key (account, taken_at)
);
comment on table market.portfolio_snapshots is 'What an account was worth.';
comment on column market.portfolio_snapshots.account is 'Whose.';
comment on column market.portfolio_snapshots.taken_at is 'When.';
comment on column market.portfolio_snapshots.value is 'In the account''s currency.';
comment on column market.portfolio_snapshots.details is 'Value by asset.';

create table market.audit_logs (
    audit_log_id bigint generated always as identity primary key,
    actor text not null check (actor <> ''),
    action text not null check (action <> ''),
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    occurred_at timestamptz not null default now()
);
create index audit_logs_occurred_at_idx on market.audit_logs (occurred_at);
comment on table market.audit_logs is 'What was done; rows are added and never changed.';
comment on column market.audit_logs.audit_log_id is 'Our number of the entry.';
comment on column market.audit_logs.actor is 'Who.';
comment on column market.audit_logs.action is 'What.';
comment on column market.audit_logs.details is 'Counts and names, never values of rows.';
comment on column market.audit_logs.occurred_at is 'When.';

create function market.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception 'market.audit_logs is append-only';
end
$$;
comment on function market.refuse_change() is 'Keeps a table append-only.';

create trigger audit_logs_append_only before update or delete or truncate on market.audit_logs
for each statement execute function market.refuse_change();
comment on trigger audit_logs_append_only on market.audit_logs is 'Rows are added and never changed.';

create table market.system_config (
    key text primary key check (key <> ''),
    value jsonb not null,
    updated_at timestamptz not null default now()
);
comment on table market.system_config is 'Settings of the platform.';
comment on column market.system_config.key is 'The setting.';
comment on column market.system_config.value is 'Its value.';
comment on column market.system_config.updated_at is 'When it was set.';

create table market.feature_flags (
    flag text primary key check (flag <> ''),
    enabled boolean not null default false,
    description text
);
comment on table market.feature_flags is 'What is switched on.';
comment on column market.feature_flags.flag is 'The feature.';
comment on column market.feature_flags.enabled is 'Whether it is on.';
comment on column market.feature_flags.description is 'What it does.';
