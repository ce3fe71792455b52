-- What a careful person writes by hand: text staging, then five tables in one transaction. Bad
-- rows are found by the same rules as in pipelines/school/roster.toml and kept with the reason.
begin;
create unlogged table staged (
    line bigint generated always as identity, id text, family text, first text, sex text, dob text,
    school_code text, school_year text, grade text, section text,
    mother_family text, mother_first text, mother_phone text,
    father_family text, father_first text, father_phone text,
    living_with text, own_house text, help_amount text, poverty_card text, course text
) with (autovacuum_enabled = false);
\copy staged (id, family, first, sex, dob, school_code, school_year, grade, section, mother_family, mother_first, mother_phone, father_family, father_first, father_phone, living_with, own_house, help_amount, poverty_card, course) from pstdin with (format csv, header true, delimiter ';', force_null (family, first, mother_first, mother_phone, father_first, father_phone, living_with, own_house, help_amount, poverty_card))
analyze staged;

create unlogged table refused as
select line, reason
from staged s
cross join lateral (
    select case
        when id !~ '^\d{8}$' then 'id'
        when family is null then 'family name'
        when first is null or char_length(first) < 2 then 'first name'
        when sex not in ('M', 'F') then 'sex'
        when dob !~ '^\d{2}/\d{2}/\d{4}$' or to_date(dob, 'DD/MM/YYYY') > current_date then 'dob'
        when school_code !~ '^\d{4}$' then 'school code'
        when grade !~ '^\d{1,2}$' or grade::int not between 1 and 12 then 'grade'
        when mother_phone !~ '^[+0-9 ().-]+$' or father_phone !~ '^[+0-9 ().-]+$' then 'phone'
        when help_amount !~ '^\d+(\.\d+)?$' then 'help amount'
        when own_house not in ('yes', 'no') then 'own house'
        when not exists (select from school.school_year y where y.code = s.school_year) then 'school year'
    end as reason
) judged
where reason is not null;

-- The same student twice: none, unless the rows are equal.
insert into refused
select s.line, 'repeated'
from staged s
join (
    select id from staged group by id
    having count(*) > 1 and count(distinct (family, first, sex, dob, school_code, school_year, grade, section)) > 1
) twice using (id);

create unlogged table good as
select distinct on (s.id) s.*
from staged s
where not exists (select from refused r where r.line = s.line)
order by s.id, s.line;
analyze good;

insert into school.course (school_year, grade, section, name)
select distinct school_year, grade::smallint, upper(trim(section)), regexp_replace(trim(course), '\s+', ' ', 'g')
from good
on conflict do nothing;

insert into school.student (
    student_id, last_name, first_name, gender, dob, class, class_id, school_code, school_year)
select
    id, normalize(regexp_replace(trim(family), '\s+', ' ', 'g'), nfc),
    normalize(regexp_replace(trim(first), '\s+', ' ', 'g'), nfc),
    (case sex when 'M' then 'male' else 'female' end)::school.gender,
    to_date(dob, 'DD/MM/YYYY'), grade::smallint, grade || section, school_code, school_year
from good
on conflict (student_id) do update set
    last_name = excluded.last_name, first_name = excluded.first_name, gender = excluded.gender,
    dob = excluded.dob, class = excluded.class, class_id = excluded.class_id,
    school_code = excluded.school_code, school_year = excluded.school_year
where (student.last_name, student.first_name, student.gender, student.dob, student.class,
    student.class_id, student.school_code, student.school_year)
    is distinct from (excluded.last_name, excluded.first_name, excluded.gender, excluded.dob,
    excluded.class, excluded.class_id, excluded.school_code, excluded.school_year);

insert into school.guardian (student_id, relation, last_name, first_name, phone)
select id, relation, normalize(regexp_replace(trim(family), '\s+', ' ', 'g'), nfc),
    normalize(regexp_replace(trim(first), '\s+', ' ', 'g'), nfc), regexp_replace(phone, '[ ().-]', '', 'g')
from (
    select id, 'Mother' as relation, mother_family as family, mother_first as first, mother_phone as phone from good
    union all
    select id, 'Father', father_family, father_first, father_phone from good
) parents
where first is not null
on conflict (student_id, relation) do update set
    last_name = excluded.last_name, first_name = excluded.first_name, phone = excluded.phone
where (guardian.last_name, guardian.first_name, guardian.phone)
    is distinct from (excluded.last_name, excluded.first_name, excluded.phone);

insert into school.family_info (student_id, living_with, own_house, help_amount, poverty_card)
select id, living_with, own_house::boolean, help_amount::numeric, poverty_card
from good
on conflict (student_id) do update set
    living_with = excluded.living_with, own_house = excluded.own_house,
    help_amount = excluded.help_amount, poverty_card = excluded.poverty_card
where (family_info.living_with, family_info.own_house, family_info.help_amount, family_info.poverty_card)
    is distinct from (excluded.living_with, excluded.own_house, excluded.help_amount, excluded.poverty_card);

insert into school.enrollment (student_id, course_id)
select g.id, c.course_id
from good g
join school.course c on c.school_year = g.school_year and c.grade = g.grade::smallint
    and c.section = upper(trim(g.section)) and c.name = regexp_replace(trim(g.course), '\s+', ' ', 'g')
on conflict do nothing;

drop table staged, refused, good;
commit;
