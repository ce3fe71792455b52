-- With the rows of these months; tables of other months stay.

do $$
declare
    parent text;
    first date;
begin
    foreach parent in array array['price_history', 'trades', 'fills'] loop
        for first in select generate_series('2024-09-01'::date, '2024-12-01', interval '1 month')::date loop
            execute format('drop table market.%I', parent || to_char(first, '_YYYY_MM'));
        end loop;
    end loop;
end
$$;
