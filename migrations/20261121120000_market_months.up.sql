-- The first months of what is partitioned by month: the last quarter of 2024 and the September before.

do $$
declare
    parent text;
    first date;
begin
    foreach parent in array array['price_history', 'trades', 'fills'] loop
        for first in select generate_series('2024-09-01'::date, '2024-12-01', interval '1 month')::date loop
            -- Months begin and end in UTC, whatever the session's time zone is.
            execute format(
                'create table market.%I partition of market.%I for values from (%L) to (%L)',
                parent || to_char(first, '_YYYY_MM'), parent,
                first || ' 00:00+00', (first + interval '1 month')::date || ' 00:00+00');
            execute format('comment on table market.%I is %L',
                parent || to_char(first, '_YYYY_MM'), 'A month of market.' || parent || '.');
        end loop;
    end loop;
end
$$;
