-- What a school notes beside its students: staff, courses, marks, attendance, families.
--
-- Marks, attendance and families are personal: pipelines mark them sensitive, and reports never show them.

create type school.user_role as enum ('admin', 'teacher');
comment on type school.user_role is 'What a user may do.';

create type school.user_status as enum ('active', 'inactive');
comment on type school.user_status is 'Whether a user may log in.';

create type school.attendance_session as enum ('AM', 'PM', 'FULL');
comment on type school.attendance_session is 'The part of the day.';

create type school.attendance_status as enum ('Present', 'Absent', 'Late', 'Excused');
comment on type school.attendance_status is 'Whether a student was there.';

create table school."user" (
    user_id bigint generated always as identity primary key,
    username citext not null unique check (username ~ '^[A-Za-z0-9]+$'),
    password text not null check (password ~ '^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$'),
    last_name text not null check (last_name <> ''),
    first_name text not null check (first_name <> ''),
    phonenumber1 school.phone_number,
    phonenumber2 school.phone_number,
    role school.user_role not null default 'teacher',
    avatar text,
    photo text,
    position text,
    status school.user_status not null default 'active',
    last_login timestamptz,
    account_locked_until timestamptz,
    failed_login_attempts integer not null default 0 check (failed_login_attempts >= 0),
    last_failed_login timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index user_role_idx on school."user" (role);
create index user_status_idx on school."user" (status);
create index user_created_at_idx on school."user" (created_at);
comment on table school."user" is 'Staff who use the system.';
comment on column school."user".user_id is 'Our number of the user.';
comment on column school."user".username is 'The name to log in with: letters and digits, compared without regard to case.';
comment on column school."user".password is 'The password as a bcrypt hash; never exported.';
comment on column school."user".last_name is 'Family name.';
comment on column school."user".first_name is 'Given name.';
comment on column school."user".phonenumber1 is 'Phone number in E.164.';
comment on column school."user".phonenumber2 is 'Another phone number in E.164.';
comment on column school."user".role is 'What the user may do.';
comment on column school."user".avatar is 'The picture shown beside the name.';
comment on column school."user".photo is 'Where the photo is kept.';
comment on column school."user".position is 'The user''s position in the school.';
comment on column school."user".status is 'Whether the user may log in.';
comment on column school."user".last_login is 'The last successful login.';
comment on column school."user".account_locked_until is 'No login before this time.';
comment on column school."user".failed_login_attempts is 'Failed logins since the last successful one.';
comment on column school."user".last_failed_login is 'The last failed login.';
comment on column school."user".created_at is 'When the row was made.';
comment on column school."user".updated_at is 'When the row last changed.';

create trigger user_updated before update on school."user"
for each row execute function school.set_updated_at();
comment on trigger user_updated on school."user" is 'Keeps updated_at true, whoever writes.';

create table school.family_info (
    family_info_id bigint generated always as identity primary key,
    student_id text not null unique references school.student on update cascade on delete cascade,
    living_with text,
    living_condition text,
    own_house boolean,
    can_help_school boolean,
    help_amount numeric(12, 2) check (help_amount >= 0),
    help_frequency text,
    know_school text,
    duration_in_kpc text,
    organization_help text,
    church_name text,
    religion text,
    poverty_card text
);
comment on table school.family_info is 'How a student''s family lives; one row for each student.';
comment on column school.family_info.family_info_id is 'Our number of the row.';
comment on column school.family_info.student_id is 'The student; the row goes with the student.';
comment on column school.family_info.living_with is 'With whom the student lives.';
comment on column school.family_info.living_condition is 'How the family lives.';
comment on column school.family_info.own_house is 'Whether the family owns its house.';
comment on column school.family_info.can_help_school is 'Whether the family can help the school.';
comment on column school.family_info.help_amount is 'With how much.';
comment on column school.family_info.help_frequency is 'How often.';
comment on column school.family_info.know_school is 'How the family came to know the school.';
comment on column school.family_info.duration_in_kpc is 'How long the family has lived in the area.';
comment on column school.family_info.organization_help is 'Which organisations help the family.';
comment on column school.family_info.church_name is 'The church attended.';
comment on column school.family_info.religion is 'The family''s religion, where told.';
comment on column school.family_info.poverty_card is 'The level of the poverty card; NULL without one.';

create table school.scholarship (
    scholarship_id bigint generated always as identity primary key,
    student_id text not null references school.student on update cascade on delete cascade,
    type text not null check (type <> ''),
    amount numeric(12, 2) not null check (amount > 0),
    sponsor text not null check (sponsor <> ''),
    starts_on date not null,
    ends_on date,
    unique (student_id, type, starts_on),
    check (ends_on >= starts_on)
);
create index scholarship_sponsor_idx on school.scholarship (sponsor);
comment on table school.scholarship is 'Who pays for a student, and how much.';
comment on column school.scholarship.scholarship_id is 'Our number of the scholarship.';
comment on column school.scholarship.student_id is 'The student.';
comment on column school.scholarship.type is 'What kind it is, such as full or meals.';
comment on column school.scholarship.amount is 'The amount of one payment.';
comment on column school.scholarship.sponsor is 'Who pays.';
comment on column school.scholarship.starts_on is 'The first day.';
comment on column school.scholarship.ends_on is 'The last day; NULL while no end is set.';

create table school.semester (
    semester_id integer generated always as identity primary key,
    name text not null check (name <> ''),
    code text not null unique check (code ~ '^S[12]-[0-9]{4}$')
);
comment on table school.semester is 'The halves of a school year.';
comment on column school.semester.semester_id is 'Our number of the semester.';
comment on column school.semester.name is 'Its name for people.';
comment on column school.semester.code is 'Half and year, such as S1-2024.';

insert into school.semester (name, code)
select format('Semester %s of %s', half, year), format('S%s-%s', half, year)
from generate_series(2020, 2029) year, generate_series(1, 2) half;

create table school.subject (
    subject_id integer generated always as identity primary key,
    name citext not null unique check (name <> '')
);
comment on table school.subject is 'What is taught and marked.';
comment on column school.subject.subject_id is 'Our number of the subject.';
comment on column school.subject.name is 'Its name, compared without regard to case.';

create table school.course (
    course_id bigint generated always as identity primary key,
    school_year text not null references school.school_year (code) on update cascade on delete restrict,
    teacher1_id bigint references school."user" on delete set null,
    teacher2_id bigint references school."user" on delete set null,
    teacher3_id bigint references school."user" on delete set null,
    grade smallint not null check (grade between 1 and 12),
    section text not null check (section <> ''),
    name text not null check (name <> ''),
    unique (school_year, grade, section, name)
);
create index course_school_year_grade_section_idx on school.course (school_year, grade, section);
create index course_teacher1_id_idx on school.course (teacher1_id);
create index course_teacher2_id_idx on school.course (teacher2_id);
create index course_teacher3_id_idx on school.course (teacher3_id);
comment on table school.course is 'A class of a school year with its teachers.';
comment on column school.course.course_id is 'Our number of the course.';
comment on column school.course.school_year is 'The school year.';
comment on column school.course.teacher1_id is 'The first teacher.';
comment on column school.course.teacher2_id is 'The second teacher.';
comment on column school.course.teacher3_id is 'The third teacher.';
comment on column school.course.grade is 'The grade level.';
comment on column school.course.section is 'The section within the grade, such as B.';
comment on column school.course.name is 'The course''s name.';

create table school.enrollment (
    enrollment_id bigint generated always as identity primary key,
    course_id bigint not null references school.course on delete cascade,
    student_id text not null references school.student on update cascade on delete cascade,
    "drop" boolean not null default false,
    drop_semester_id integer references school.semester on delete restrict,
    drop_date date,
    drop_reason text,
    unique (student_id, course_id),
    check ("drop" or (drop_semester_id is null and drop_date is null and drop_reason is null))
);
create index enrollment_course_id_idx on school.enrollment (course_id);
create index enrollment_drop_semester_id_idx on school.enrollment (drop_semester_id);
comment on table school.enrollment is 'Which student takes which course.';
comment on column school.enrollment.enrollment_id is 'Our number of the enrolment.';
comment on column school.enrollment.course_id is 'The course.';
comment on column school.enrollment.student_id is 'The student.';
comment on column school.enrollment."drop" is 'Whether the student left the course.';
comment on column school.enrollment.drop_semester_id is 'The semester in which the student left.';
comment on column school.enrollment.drop_date is 'The day the student left.';
comment on column school.enrollment.drop_reason is 'Why the student left.';

create table school.grade (
    grade_id bigint generated always as identity primary key,
    course_id bigint not null references school.course on delete cascade,
    student_id text not null references school.student on update cascade on delete cascade,
    subject_id integer not null references school.subject on delete restrict,
    semester_id integer not null references school.semester on delete restrict,
    grade_date date not null,
    grade numeric(4, 2) not null check (grade between 0 and 10),
    comment text,
    teacher_id bigint references school."user" on delete set null,
    last_edit timestamptz not null default now(),
    unique (student_id, course_id, subject_id, semester_id, grade_date)
);
create index grade_student_id_course_id_idx on school.grade (student_id, course_id);
create index grade_grade_date_idx on school.grade (grade_date);
create index grade_course_id_student_id_subject_id_idx on school.grade (course_id, student_id, subject_id);
create index grade_subject_id_idx on school.grade (subject_id);
create index grade_semester_id_idx on school.grade (semester_id);
create index grade_teacher_id_idx on school.grade (teacher_id);
comment on table school.grade is 'Marks: one for each student, course, subject, semester and day.';
comment on column school.grade.grade_id is 'Our number of the mark.';
comment on column school.grade.course_id is 'The course.';
comment on column school.grade.student_id is 'The student.';
comment on column school.grade.subject_id is 'The subject.';
comment on column school.grade.semester_id is 'The semester.';
comment on column school.grade.grade_date is 'The day of the mark.';
comment on column school.grade.grade is 'The mark, 0 to 10.';
comment on column school.grade.comment is 'What the teacher says to it.';
comment on column school.grade.teacher_id is 'The teacher who gave it.';
comment on column school.grade.last_edit is 'When it was last changed.';

create table school.attendance (
    attendance_id bigint generated always as identity primary key,
    student_id text not null references school.student on update cascade on delete cascade,
    course_id bigint not null references school.course on delete cascade,
    semester_id integer references school.semester on delete restrict,
    school_year text references school.school_year (code) on update cascade on delete restrict,
    date date not null,
    session school.attendance_session not null default 'FULL',
    status school.attendance_status not null,
    reason text,
    recorded_by bigint references school."user" on delete set null,
    unique (student_id, course_id, date, session)
);
create index attendance_student_id_date_idx on school.attendance (student_id, date);
create index attendance_course_id_date_idx on school.attendance (course_id, date);
create index attendance_semester_id_idx on school.attendance (semester_id);
create index attendance_recorded_by_idx on school.attendance (recorded_by);
comment on table school.attendance is 'Who was there: one row for each student, course, day and session.';
comment on column school.attendance.attendance_id is 'Our number of the row.';
comment on column school.attendance.student_id is 'The student.';
comment on column school.attendance.course_id is 'The course.';
comment on column school.attendance.semester_id is 'The semester.';
comment on column school.attendance.school_year is 'The school year.';
comment on column school.attendance.date is 'The day.';
comment on column school.attendance.session is 'The part of the day.';
comment on column school.attendance.status is 'Whether the student was there.';
comment on column school.attendance.reason is 'Why not.';
comment on column school.attendance.recorded_by is 'Who noted it.';

create table school.activity_log (
    activity_log_id bigint generated always as identity primary key,
    user_id bigint references school."user" on delete set null,
    action text not null check (action <> ''),
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    "timestamp" timestamptz not null default now()
);
create index activity_log_user_id_idx on school.activity_log (user_id);
create index activity_log_timestamp_idx on school.activity_log ("timestamp");
comment on table school.activity_log is 'What was done: every import writes one row.';
comment on column school.activity_log.activity_log_id is 'Our number of the entry.';
comment on column school.activity_log.user_id is 'Who did it; NULL for a load.';
comment on column school.activity_log.action is 'What was done, such as import.';
comment on column school.activity_log.details is 'Counts and names, never values of rows.';
comment on column school.activity_log."timestamp" is 'When.';
