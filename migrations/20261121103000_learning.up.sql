-- A course platform: users, courses, materials, and how learning goes.
--
-- E-mail addresses, answers and marks are personal: pipelines mark them sensitive.

create extension if not exists citext;

create schema learning;
comment on schema learning is 'A course platform: users, courses, and how learning goes.';

create type learning.user_role as enum ('student', 'lecturer', 'super_admin');
comment on type learning.user_role is 'What a user may do.';

create type learning.material_kind as enum ('pdf', 'video', 'link');
comment on type learning.material_kind is 'What a material is.';

create type learning.mastery as enum ('mastered', 'remedial');
comment on type learning.mastery is 'How well a topic is known.';

create table learning."user" (
    user_id bigint generated always as identity primary key,
    email citext not null unique check (email ~ '^[^@ ]+@[^@ ]+\.[^@ ]+$'),
    name text not null check (name <> ''),
    role learning.user_role not null default 'student',
    password_hash text not null check (password_hash <> ''),
    created_at timestamptz not null default now()
);
create index user_role_idx on learning."user" (role);
comment on table learning."user" is 'People of the platform.';
comment on column learning."user".user_id is 'Our number of the user.';
comment on column learning."user".email is 'E-mail address, compared without regard to case.';
comment on column learning."user".name is 'Name for people.';
comment on column learning."user".role is 'What the user may do.';
comment on column learning."user".password_hash is 'The hash of the password; never exported.';
comment on column learning."user".created_at is 'When the row was made.';

create table learning.course (
    course_id bigint generated always as identity primary key,
    code text not null unique check (code ~ '^[A-Z0-9]+(-[A-Z0-9]+)*$'),
    title text not null check (title <> ''),
    lecturer_id bigint references learning."user" on delete set null,
    starts_on date,
    ends_on date,
    check (ends_on >= starts_on)
);
create index course_lecturer_id_idx on learning.course (lecturer_id);
comment on table learning.course is 'Courses.';
comment on column learning.course.course_id is 'Our number of the course.';
comment on column learning.course.code is 'The course''s code, such as CS-101.';
comment on column learning.course.title is 'Its title.';
comment on column learning.course.lecturer_id is 'Who gives it.';
comment on column learning.course.starts_on is 'The first day of the term.';
comment on column learning.course.ends_on is 'The last day of the term.';

create table learning.syllabus (
    syllabus_id bigint generated always as identity primary key,
    course_id bigint not null references learning.course on delete cascade,
    week_number smallint not null check (week_number between 1 and 53),
    topics text[] not null default '{}',
    unique (course_id, week_number)
);
comment on table learning.syllabus is 'What a course treats in which week.';
comment on column learning.syllabus.syllabus_id is 'Our number of the row.';
comment on column learning.syllabus.course_id is 'The course; its weeks go with it.';
comment on column learning.syllabus.week_number is 'The week of the course, from 1.';
comment on column learning.syllabus.topics is 'What is treated.';

create table learning.material (
    material_id bigint generated always as identity primary key,
    course_id bigint not null references learning.course on delete cascade,
    kind learning.material_kind not null,
    title text not null check (title <> ''),
    url text not null check (url ~ '^https?://'),
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    unique (course_id, url)
);
create index material_metadata_idx on learning.material using gin (metadata);
comment on table learning.material is 'What students read and watch.';
comment on column learning.material.material_id is 'Our number of the material.';
comment on column learning.material.course_id is 'The course.';
comment on column learning.material.kind is 'What it is.';
comment on column learning.material.title is 'Its title.';
comment on column learning.material.url is 'Where it is.';
comment on column learning.material.metadata is 'What else is known of it.';

create table learning.student_enrollment (
    student_id bigint not null references learning."user" on delete cascade,
    course_id bigint not null references learning.course on delete cascade,
    enrolled_on date not null default current_date,
    primary key (student_id, course_id)
);
create index student_enrollment_course_id_idx on learning.student_enrollment (course_id);
comment on table learning.student_enrollment is 'Which student takes which course.';
comment on column learning.student_enrollment.student_id is 'The student.';
comment on column learning.student_enrollment.course_id is 'The course.';
comment on column learning.student_enrollment.enrolled_on is 'Since when.';

create table learning.quiz_attempt (
    quiz_attempt_id bigint generated always as identity primary key,
    attempt_ref uuid not null unique,
    student_id bigint not null references learning."user" on delete cascade,
    course_id bigint not null references learning.course on delete cascade,
    week smallint not null check (week between 1 and 53),
    score numeric(6, 2) not null check (score >= 0),
    questions jsonb not null default '[]',
    feedback jsonb,
    attempted_at timestamptz not null
);
create index quiz_attempt_student_id_idx on learning.quiz_attempt (student_id);
create index quiz_attempt_course_id_week_idx on learning.quiz_attempt (course_id, week);
comment on table learning.quiz_attempt is 'Answers to a week''s quiz, with questions and feedback.';
comment on column learning.quiz_attempt.quiz_attempt_id is 'Our number of the attempt.';
comment on column learning.quiz_attempt.attempt_ref is 'The platform''s identifier of the attempt.';
comment on column learning.quiz_attempt.student_id is 'The student.';
comment on column learning.quiz_attempt.course_id is 'The course.';
comment on column learning.quiz_attempt.week is 'The week of the course.';
comment on column learning.quiz_attempt.score is 'The points.';
comment on column learning.quiz_attempt.questions is 'The questions with the answers given.';
comment on column learning.quiz_attempt.feedback is 'What the student was told.';
comment on column learning.quiz_attempt.attempted_at is 'When.';

create table learning.topic_performance (
    topic_performance_id bigint generated always as identity primary key,
    student_id bigint not null references learning."user" on delete cascade,
    course_id bigint not null references learning.course on delete cascade,
    week smallint not null check (week between 1 and 53),
    topic text not null check (topic <> ''),
    mastery learning.mastery not null,
    unique (student_id, course_id, week, topic)
);
create index topic_performance_student_id_course_id_week_idx on learning.topic_performance (student_id, course_id, week);
create index topic_performance_course_id_idx on learning.topic_performance (course_id);
comment on table learning.topic_performance is 'How well a student knows a week''s topics.';
comment on column learning.topic_performance.topic_performance_id is 'Our number of the row.';
comment on column learning.topic_performance.student_id is 'The student.';
comment on column learning.topic_performance.course_id is 'The course.';
comment on column learning.topic_performance.week is 'The week of the course.';
comment on column learning.topic_performance.topic is 'The topic.';
comment on column learning.topic_performance.mastery is 'How well it is known.';
