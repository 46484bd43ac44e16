BEGIN TRANSACTION;
CREATE TABLE documents (
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (kind, "key")
);
INSERT INTO "documents" VALUES('schema','version','{"version":1}',1.79548793654368615151e+09);
INSERT INTO "documents" VALUES('study','settings','{"seed":3,"trials":5}',1.79548793655898594853e+09);
CREATE TABLE outcomes (
	run INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	metrics TEXT NOT NULL, 
	trust TEXT NOT NULL, 
	wall_s FLOAT NOT NULL, 
	cpu_s FLOAT NOT NULL, 
	memory_mb FLOAT NOT NULL, 
	level TEXT NOT NULL, 
	error TEXT NOT NULL, 
	output TEXT NOT NULL, 
	settled_at FLOAT NOT NULL, 
	PRIMARY KEY (run), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "outcomes" VALUES(1,'ok','{"dev":{"height":0.25}}','verified',0.0,0.0,0.0,'S0','','',1.79548793658859610553e+09);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	phase TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	replicate INTEGER NOT NULL, 
	seed INTEGER NOT NULL, 
	inputs TEXT NOT NULL, 
	claimed_at FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (phase, subject, replicate)
);
INSERT INTO "runs" VALUES(1,'search','1',0,7,'',1.79548793658631491662e+09);
CREATE TABLE trials (
	number INTEGER NOT NULL, 
	strategy TEXT NOT NULL, 
	hypothesis TEXT NOT NULL, 
	params TEXT NOT NULL, 
	artifact TEXT NOT NULL, 
	parent INTEGER, 
	proposer TEXT NOT NULL, 
	claimed_at FLOAT NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "trials" VALUES(1,'east','h','{"x":0.5}','abc',NULL,'test',1.79548793656788110732e+09);
CREATE TABLE verdicts (
	trial INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	cause TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	numbers TEXT NOT NULL, 
	elapsed_s FLOAT NOT NULL, 
	settled_at FLOAT NOT NULL, 
	PRIMARY KEY (trial), 
	FOREIGN KEY(trial) REFERENCES trials (number)
);
INSERT INTO "verdicts" VALUES(1,'kept','','better','{"difference":1.0}',0.0,1.79548793657547760011e+09);
CREATE TRIGGER trials_no_update BEFORE UPDATE ON trials BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER trials_no_delete BEFORE DELETE ON trials BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER verdicts_no_update BEFORE UPDATE ON verdicts BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER verdicts_no_delete BEFORE DELETE ON verdicts BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER runs_no_update BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER outcomes_no_update BEFORE UPDATE ON outcomes BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER outcomes_no_delete BEFORE DELETE ON outcomes BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER documents_no_update BEFORE UPDATE ON documents BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
CREATE TRIGGER documents_no_delete BEFORE DELETE ON documents BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END;
COMMIT;
