-- Students, their guardians, and the school years they are registered for.
--
-- Nearly every column of `student` and `guardian` is personal: pipelines mark them sensitive,
-- and reports never show them.

create extension if not exists citext;

create schema school;
comment on schema school is 'A school: its years, its students and their guardians.';

create type school.gender as enum ('male', 'female');
comment on type school.gender is 'Gender as the school registers it.';

create type school.student_status as enum ('active', 'inactive', 'transferred', 'graduated');
comment on type school.student_status is 'Whether a student attends.';

create domain school.phone_number as text check (value ~ '^\+[1-9][0-9]{7,14}$');
comment on domain school.phone_number is 'A phone number in E.164: +, country and number.';

create table school.school_year (
    school_year_id integer generated always as identity primary key,
    code text not null unique check (code ~ '^[0-9]{4}-[0-9]{4}$'),
    check (right(code, 4)::integer = left(code, 4)::integer + 1)
);
comment on table school.school_year is 'School years.';
comment on column school.school_year.school_year_id is 'Our number of the year.';
comment on column school.school_year.code is 'The two calendar years, such as 2024-2025.';

insert into school.school_year (code)
select format('%s-%s', year, year + 1) from generate_series(2020, 2029) year;

create table school.student (
    student_id text primary key check (student_id ~ '^[0-9]{8}$'),
    last_name text not null check (char_length(last_name) >= 1),
    first_name text not null check (char_length(first_name) >= 2),
    gender school.gender not null,
    dob date not null check (dob <= current_date),
    class smallint not null check (class between 1 and 12),
    photo text,
    phone school.phone_number,
    registration_date date,
    status school.student_status not null default 'active',
    religion text,
    health text,
    emergency_contact text,
    class_id text,
    school_code text not null check (school_code ~ '^[0-9]{4}$'),
    needs_clothes boolean not null default false,
    needs_materials boolean not null default false,
    needs_transport boolean not null default false,
    previous_school text,
    register_to_study text,
    student_birth_district text,
    student_district text,
    student_house_number text,
    student_province text,
    student_village text,
    student_commune text,
    transfer_reason text,
    vaccinated boolean,
    school_year text not null references school.school_year (code) on update cascade on delete restrict,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (registration_date >= dob)
);
create index student_school_year_class_idx on school.student (school_year, class);
create index student_school_code_class_id_idx on school.student (school_code, class_id);
create index student_name_idx on school.student (last_name, first_name);
comment on table school.student is 'Students, one row each for as long as they are known.';
comment on column school.student.student_id is 'The school''s number of the student: eight digits, leading zeros count.';
comment on column school.student.last_name is 'Family name.';
comment on column school.student.first_name is 'Given name, two characters at least.';
comment on column school.student.gender is 'Gender as registered.';
comment on column school.student.dob is 'Date of birth, never in the future.';
comment on column school.student.class is 'Grade level, 1 to 12.';
comment on column school.student.photo is 'Where the photo is kept.';
comment on column school.student.phone is 'Phone number in E.164.';
comment on column school.student.registration_date is 'The day of registration, not before birth; NULL where not known.';
comment on column school.student.status is 'Whether the student attends.';
comment on column school.student.religion is 'Religion, where told.';
comment on column school.student.health is 'What teachers need to know about health.';
comment on column school.student.emergency_contact is 'Whom to call in an emergency.';
comment on column school.student.class_id is 'The class within the grade, such as 7B.';
comment on column school.student.school_code is 'The school: four digits, leading zeros count.';
comment on column school.student.needs_clothes is 'Whether the student needs clothes.';
comment on column school.student.needs_materials is 'Whether the student needs materials for school.';
comment on column school.student.needs_transport is 'Whether the student needs transport.';
comment on column school.student.previous_school is 'The school attended before.';
comment on column school.student.register_to_study is 'What the student is registered to study.';
comment on column school.student.student_birth_district is 'District of birth.';
comment on column school.student.student_district is 'District of the home.';
comment on column school.student.student_house_number is 'House number of the home.';
comment on column school.student.student_province is 'Province of the home.';
comment on column school.student.student_village is 'Village of the home.';
comment on column school.student.student_commune is 'Commune of the home.';
comment on column school.student.transfer_reason is 'Why the student changed school.';
comment on column school.student.vaccinated is 'Whether the student is vaccinated; NULL where not known.';
comment on column school.student.school_year is 'The school year of the registration.';
comment on column school.student.created_at is 'When the row was made.';
comment on column school.student.updated_at is 'When the row last changed; a run that finds nothing new leaves it.';

create function school.set_updated_at() returns trigger
language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;
comment on function school.set_updated_at() is 'Notes the time of a change.';

create trigger student_updated before update on school.student
for each row execute function school.set_updated_at();
comment on trigger student_updated on school.student is 'Keeps updated_at true, whoever writes.';

create table school.guardian (
    guardian_id bigint generated always as identity primary key,
    student_id text not null references school.student on update cascade on delete cascade,
    relation text not null check (relation <> ''),
    phone school.phone_number,
    email citext check (email ~ '^[^@ ]+@[^@ ]+$'),
    first_name text not null check (first_name <> ''),
    last_name text not null check (last_name <> ''),
    income numeric(12, 2) check (income >= 0),
    occupation text,
    children_count smallint check (children_count >= 0),
    church text,
    believe_jesus boolean,
    birth_district text,
    district text,
    house_number text,
    province text,
    village text,
    commune text,
    unique (student_id, relation)
);
comment on table school.guardian is 'Who cares for a student; several for each student, one for each relation.';
comment on column school.guardian.guardian_id is 'Our number of the guardian.';
comment on column school.guardian.student_id is 'The student; guardians go with their student.';
comment on column school.guardian.relation is 'What the guardian is to the student, such as Mother.';
comment on column school.guardian.phone is 'Phone number in E.164.';
comment on column school.guardian.email is 'E-mail address, compared without regard to case.';
comment on column school.guardian.first_name is 'Given name.';
comment on column school.guardian.last_name is 'Family name.';
comment on column school.guardian.income is 'Income in a month.';
comment on column school.guardian.occupation is 'What the guardian works as.';
comment on column school.guardian.children_count is 'How many children the guardian has.';
comment on column school.guardian.church is 'The church attended.';
comment on column school.guardian.believe_jesus is 'Whether the guardian is Christian; NULL where not known.';
comment on column school.guardian.birth_district is 'District of birth.';
comment on column school.guardian.district is 'District of the home.';
comment on column school.guardian.house_number is 'House number of the home.';
comment on column school.guardian.province is 'Province of the home.';
comment on column school.guardian.village is 'Village of the home.';
comment on column school.guardian.commune is 'Commune of the home.';
