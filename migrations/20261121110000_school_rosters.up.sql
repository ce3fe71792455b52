-- Rosters as other systems deliver them: OneRoster 1.1 and 1.2, and Microsoft School Data Sync.
--
-- Rows keep the identifiers of the system they come from, so that a later delivery finds them.
-- Deleting a row that others refer to is an error; deliveries delete those first.

create table school.roster_org (
    sourced_id text primary key check (sourced_id <> ''),
    status text not null default 'active' check (status = 'active'),
    date_last_modified timestamptz,
    name text not null check (name <> ''),
    type text not null check (type in ('department', 'school', 'district', 'local', 'state', 'national')),
    identifier text,
    parent_sourced_id text references school.roster_org,
    metadata jsonb
);
comment on table school.roster_org is 'Schools, districts and other organisations of the roster.';
comment on column school.roster_org.sourced_id is 'The roster''s own identifier.';
comment on column school.roster_org.status is 'What the roster says of the record; one that is to be deleted is no row.';
comment on column school.roster_org.date_last_modified is 'When the record last changed, where the roster says it.';
comment on column school.roster_org.name is 'Its name.';
comment on column school.roster_org.type is 'What it is.';
comment on column school.roster_org.identifier is 'What people call it by, such as a number of the ministry.';
comment on column school.roster_org.parent_sourced_id is 'The organisation it belongs to; NULL at the top.';
comment on column school.roster_org.metadata is 'The columns that the standard has no place for: a vendor''s own, or a newer version''s.';
create index roster_org_parent_idx on school.roster_org (parent_sourced_id);

create table school.roster_session (
    sourced_id text primary key check (sourced_id <> ''),
    status text not null default 'active' check (status = 'active'),
    date_last_modified timestamptz,
    title text not null check (title <> ''),
    type text not null check (type in ('gradingPeriod', 'semester', 'schoolYear', 'term')),
    starts_on date not null,
    ends_on date not null,
    parent_sourced_id text references school.roster_session,
    school_year smallint not null check (school_year between 1900 and 2200),
    metadata jsonb,
    check (ends_on >= starts_on)
);
comment on table school.roster_session is 'Academic sessions: school years, terms, grading periods.';
comment on column school.roster_session.sourced_id is 'The roster''s own identifier.';
comment on column school.roster_session.status is 'What the roster says of the record; one that is to be deleted is no row.';
comment on column school.roster_session.date_last_modified is 'When the record last changed, where the roster says it.';
comment on column school.roster_session.title is 'Its title.';
comment on column school.roster_session.type is 'What it is.';
comment on column school.roster_session.starts_on is 'The first day.';
comment on column school.roster_session.ends_on is 'The last day.';
comment on column school.roster_session.parent_sourced_id is 'The session it is part of; NULL at the top.';
comment on column school.roster_session.school_year is 'The calendar year the school year ends in.';
comment on column school.roster_session.metadata is 'The columns that the standard has no place for: a vendor''s own, or a newer version''s.';
create index roster_session_parent_idx on school.roster_session (parent_sourced_id);

create table school.roster_course (
    sourced_id text primary key check (sourced_id <> ''),
    status text not null default 'active' check (status = 'active'),
    date_last_modified timestamptz,
    school_year_sourced_id text references school.roster_session,
    title text not null check (title <> ''),
    course_code text,
    grades text[],
    org_sourced_id text not null references school.roster_org,
    subjects text[],
    subject_codes text[],
    metadata jsonb
);
comment on table school.roster_course is 'Courses: what is taught, whoever teaches it.';
comment on column school.roster_course.sourced_id is 'The roster''s own identifier.';
comment on column school.roster_course.status is 'What the roster says of the record; one that is to be deleted is no row.';
comment on column school.roster_course.date_last_modified is 'When the record last changed, where the roster says it.';
comment on column school.roster_course.school_year_sourced_id is 'The school year it belongs to.';
comment on column school.roster_course.title is 'Its title.';
comment on column school.roster_course.course_code is 'The code people know it by.';
comment on column school.roster_course.grades is 'The grades it is for.';
comment on column school.roster_course.org_sourced_id is 'The organisation that offers it.';
comment on column school.roster_course.subjects is 'Its subjects.';
comment on column school.roster_course.subject_codes is 'Codes of its subjects.';
comment on column school.roster_course.metadata is 'The columns that the standard has no place for: a vendor''s own, or a newer version''s.';
create index roster_course_school_year_idx on school.roster_course (school_year_sourced_id);
create index roster_course_org_idx on school.roster_course (org_sourced_id);

create table school.roster_class (
    sourced_id text primary key check (sourced_id <> ''),
    status text not null default 'active' check (status = 'active'),
    date_last_modified timestamptz,
    title text not null check (title <> ''),
    grades text[],
    course_sourced_id text not null references school.roster_course,
    class_code text,
    class_type text not null check (class_type in ('homeroom', 'scheduled')),
    location text,
    school_sourced_id text not null references school.roster_org,
    term_sourced_ids text[] not null,
    subjects text[],
    subject_codes text[],
    periods text[],
    metadata jsonb
);
comment on table school.roster_class is 'Classes: a course as it is held for a group of students.';
comment on column school.roster_class.sourced_id is 'The roster''s own identifier.';
comment on column school.roster_class.status is 'What the roster says of the record; one that is to be deleted is no row.';
comment on column school.roster_class.date_last_modified is 'When the record last changed, where the roster says it.';
comment on column school.roster_class.title is 'Its title.';
comment on column school.roster_class.grades is 'The grades of its students.';
comment on column school.roster_class.course_sourced_id is 'The course.';
comment on column school.roster_class.class_code is 'The code people know it by.';
comment on column school.roster_class.class_type is 'Whether it is a homeroom or a class of the timetable.';
comment on column school.roster_class.location is 'Where it is held.';
comment on column school.roster_class.school_sourced_id is 'The school.';
comment on column school.roster_class.term_sourced_ids is 'The sessions it is held in.';
comment on column school.roster_class.subjects is 'Its subjects.';
comment on column school.roster_class.subject_codes is 'Codes of its subjects.';
comment on column school.roster_class.periods is 'The periods of the day it is held in.';
comment on column school.roster_class.metadata is 'The columns that the standard has no place for: a vendor''s own, or a newer version''s.';
create index roster_class_course_idx on school.roster_class (course_sourced_id);
create index roster_class_school_idx on school.roster_class (school_sourced_id);

create table school.roster_user (
    sourced_id text primary key check (sourced_id <> ''),
    status text not null default 'active' check (status = 'active'),
    date_last_modified timestamptz,
    enabled boolean not null,
    username text not null check (username <> ''),
    user_ids text,
    given_name text not null,
    family_name text not null,
    middle_name text,
    preferred_given_name text,
    preferred_family_name text,
    identifier text,
    email text,
    sms text,
    phone text,
    agent_sourced_ids text[],
    grades text[],
    role text,
    org_sourced_ids text[],
    primary_org_sourced_id text references school.roster_org
);
comment on table school.roster_user is 'Students, teachers and families of the roster. Personal; passwords are not kept.';
comment on column school.roster_user.sourced_id is 'The roster''s own identifier.';
comment on column school.roster_user.status is 'What the roster says of the record; one that is to be deleted is no row.';
comment on column school.roster_user.date_last_modified is 'When the record last changed, where the roster says it.';
comment on column school.roster_user.enabled is 'Whether the user may use the systems.';
comment on column school.roster_user.username is 'The name to log in with.';
comment on column school.roster_user.user_ids is 'Identifiers in other systems, as type and value.';
comment on column school.roster_user.given_name is 'Given name.';
comment on column school.roster_user.family_name is 'Family name.';
comment on column school.roster_user.middle_name is 'Middle names.';
comment on column school.roster_user.preferred_given_name is 'The given name the user prefers (OneRoster 1.2).';
comment on column school.roster_user.preferred_family_name is 'The family name the user prefers (OneRoster 1.2).';
comment on column school.roster_user.identifier is 'What people know the user by, such as a student number.';
comment on column school.roster_user.email is 'E-mail address.';
comment on column school.roster_user.sms is 'Number for text messages.';
comment on column school.roster_user.phone is 'Phone number.';
comment on column school.roster_user.agent_sourced_ids is 'Users who act for this one, such as parents.';
comment on column school.roster_user.grades is 'The grades of a student.';
comment on column school.roster_user.role is 'The one role there is in OneRoster 1.1.';
comment on column school.roster_user.org_sourced_ids is 'The organisations of that role (OneRoster 1.1).';
comment on column school.roster_user.primary_org_sourced_id is 'The first of the user''s organisations (OneRoster 1.2).';
create index roster_user_primary_org_idx on school.roster_user (primary_org_sourced_id);

create table school.roster_role (
    sourced_id text primary key check (sourced_id <> ''),
    status text not null default 'active' check (status = 'active'),
    date_last_modified timestamptz,
    user_sourced_id text not null references school.roster_user,
    role_type text not null check (role_type in ('primary', 'secondary')),
    role text not null check (role <> ''),
    begins_on date,
    ends_on date,
    org_sourced_id text not null references school.roster_org,
    metadata jsonb
);
comment on table school.roster_role is 'What a user is in an organisation (OneRoster 1.2).';
comment on column school.roster_role.sourced_id is 'The roster''s own identifier.';
comment on column school.roster_role.status is 'What the roster says of the record; one that is to be deleted is no row.';
comment on column school.roster_role.date_last_modified is 'When the record last changed, where the roster says it.';
comment on column school.roster_role.user_sourced_id is 'The user.';
comment on column school.roster_role.role_type is 'Whether it is the user''s first role.';
comment on column school.roster_role.role is 'The role.';
comment on column school.roster_role.begins_on is 'The first day.';
comment on column school.roster_role.ends_on is 'The last day.';
comment on column school.roster_role.org_sourced_id is 'The organisation.';
comment on column school.roster_role.metadata is 'The columns that the standard has no place for: a vendor''s own, or a newer version''s.';
create index roster_role_user_idx on school.roster_role (user_sourced_id);
create index roster_role_org_idx on school.roster_role (org_sourced_id);

create table school.roster_demographics (
    sourced_id text primary key references school.roster_user,
    status text not null default 'active' check (status = 'active'),
    date_last_modified timestamptz,
    birth_date date,
    sex text,
    details jsonb
);
comment on table school.roster_demographics is 'Demographics of students. Personal: shown in no report.';
comment on column school.roster_demographics.sourced_id is 'The student.';
comment on column school.roster_demographics.status is 'What the roster says of the record; one that is to be deleted is no row.';
comment on column school.roster_demographics.date_last_modified is 'When the record last changed, where the roster says it.';
comment on column school.roster_demographics.birth_date is 'Date of birth.';
comment on column school.roster_demographics.sex is 'Sex as the roster has it.';
comment on column school.roster_demographics.details is 'Everything else that the roster has on it, by its column.';

create table school.roster_enrollment (
    sourced_id text primary key check (sourced_id <> ''),
    status text not null default 'active' check (status = 'active'),
    date_last_modified timestamptz,
    class_sourced_id text not null references school.roster_class,
    school_sourced_id text not null references school.roster_org,
    user_sourced_id text not null references school.roster_user,
    role text not null check (role in ('administrator', 'proctor', 'student', 'teacher')),
    is_primary boolean,
    begins_on date,
    ends_on date,
    metadata jsonb
);
comment on table school.roster_enrollment is 'Who is in which class, and as what.';
comment on column school.roster_enrollment.sourced_id is 'The roster''s own identifier.';
comment on column school.roster_enrollment.status is 'What the roster says of the record; one that is to be deleted is no row.';
comment on column school.roster_enrollment.date_last_modified is 'When the record last changed, where the roster says it.';
comment on column school.roster_enrollment.class_sourced_id is 'The class.';
comment on column school.roster_enrollment.school_sourced_id is 'The school.';
comment on column school.roster_enrollment.user_sourced_id is 'The user.';
comment on column school.roster_enrollment.role is 'What the user is in the class.';
comment on column school.roster_enrollment.is_primary is 'Of a teacher, whether the first one.';
comment on column school.roster_enrollment.begins_on is 'The first day.';
comment on column school.roster_enrollment.ends_on is 'The last day.';
comment on column school.roster_enrollment.metadata is 'The columns that the standard has no place for: a vendor''s own, or a newer version''s.';
create index roster_enrollment_class_idx on school.roster_enrollment (class_sourced_id);
create index roster_enrollment_user_idx on school.roster_enrollment (user_sourced_id);
create index roster_enrollment_school_idx on school.roster_enrollment (school_sourced_id);

create table school.sds_org (
    sourced_id text primary key check (sourced_id <> ''),
    name text not null check (name <> ''),
    type text not null check (type <> ''),
    parent_sourced_id text references school.sds_org
);
comment on table school.sds_org is 'Organisations as School Data Sync has them.';
comment on column school.sds_org.sourced_id is 'The identifier in the school''s own system.';
comment on column school.sds_org.name is 'Its name.';
comment on column school.sds_org.type is 'What it is, such as school or college.';
comment on column school.sds_org.parent_sourced_id is 'The organisation it belongs to; NULL at the top.';
create index sds_org_parent_idx on school.sds_org (parent_sourced_id);

create table school.sds_user (
    sourced_id text primary key check (sourced_id <> ''),
    username text not null check (username <> ''),
    given_name text,
    family_name text,
    email text,
    phone text
);
comment on table school.sds_user is 'Users as School Data Sync has them. Personal; passwords are not kept.';
comment on column school.sds_user.sourced_id is 'The identifier in the school''s own system.';
comment on column school.sds_user.username is 'The name to log in with.';
comment on column school.sds_user.given_name is 'Given name.';
comment on column school.sds_user.family_name is 'Family name.';
comment on column school.sds_user.email is 'E-mail address.';
comment on column school.sds_user.phone is 'Phone number.';

create table school.sds_role (
    user_sourced_id text not null references school.sds_user,
    org_sourced_id text not null references school.sds_org,
    role text not null check (role <> ''),
    session_sourced_id text,
    grade text,
    is_primary boolean,
    starts_on date,
    ends_on date,
    primary key (user_sourced_id, org_sourced_id, role)
);
comment on table school.sds_role is 'What a user is in an organisation.';
comment on column school.sds_role.user_sourced_id is 'The user.';
comment on column school.sds_role.org_sourced_id is 'The organisation.';
comment on column school.sds_role.role is 'The role.';
comment on column school.sds_role.session_sourced_id is 'The session, where one is named.';
comment on column school.sds_role.grade is 'The grade of a student.';
comment on column school.sds_role.is_primary is 'Whether it is the user''s first role.';
comment on column school.sds_role.starts_on is 'The first day.';
comment on column school.sds_role.ends_on is 'The last day.';
create index sds_role_org_idx on school.sds_role (org_sourced_id);

create table school.sds_class (
    sourced_id text primary key check (sourced_id <> ''),
    org_sourced_id text not null references school.sds_org,
    title text not null check (title <> ''),
    session_sourced_ids text[],
    course_sourced_id text
);
comment on table school.sds_class is 'Classes as School Data Sync has them.';
comment on column school.sds_class.sourced_id is 'The identifier in the school''s own system.';
comment on column school.sds_class.org_sourced_id is 'The organisation that holds it.';
comment on column school.sds_class.title is 'Its title.';
comment on column school.sds_class.session_sourced_ids is 'The sessions it is held in.';
comment on column school.sds_class.course_sourced_id is 'The course, where one is named.';
create index sds_class_org_idx on school.sds_class (org_sourced_id);

create table school.sds_enrollment (
    class_sourced_id text not null references school.sds_class,
    user_sourced_id text not null references school.sds_user,
    role text not null check (role <> ''),
    primary key (class_sourced_id, user_sourced_id, role)
);
comment on table school.sds_enrollment is 'Who is in which class, and as what.';
comment on column school.sds_enrollment.class_sourced_id is 'The class.';
comment on column school.sds_enrollment.user_sourced_id is 'The user.';
comment on column school.sds_enrollment.role is 'What the user is in the class.';
create index sds_enrollment_user_idx on school.sds_enrollment (user_sourced_id);
