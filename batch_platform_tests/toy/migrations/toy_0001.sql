CREATE SCHEMA toy;

CREATE TABLE toy.toys (name text PRIMARY KEY, turns int NOT NULL);

INSERT INTO toy.toys VALUES ('bear', 0), ('train', 0);
