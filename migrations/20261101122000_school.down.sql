drop table school.guardian;
drop table school.student;
drop function school.set_updated_at();
drop table school.school_year;
drop domain school.phone_number;
drop type school.student_status;
drop type school.gender;
drop schema school;
