/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/schema.h"

/*
 * chunk_text holds no text of its own (the document has it); its rowid is chunk.id. The tokenizer
 * is part of the index: another one needs a step that builds the index anew. hashsize: bytes of new
 * terms FTS5 holds in memory during a transaction before it writes them out.
 */
static const char step_1[] =
	"CREATE TABLE document("
	" id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, path TEXT NOT NULL,"
	" version INTEGER NOT NULL, bytes INTEGER NOT NULL, labels TEXT NOT NULL,"
	" author TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
	" UNIQUE(path, owner)) STRICT;"
	"CREATE TABLE version("
	" document INTEGER NOT NULL REFERENCES document(id), version INTEGER NOT NULL,"
	" base INTEGER NOT NULL, bytes INTEGER NOT NULL, labels TEXT NOT NULL,"
	" author TEXT NOT NULL, created INTEGER NOT NULL, append INTEGER NOT NULL,"
	" added INTEGER NOT NULL, piece BLOB NOT NULL,"
	" UNIQUE(document, version)) STRICT;"
	"CREATE TABLE chunk("
	" id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES document(id),"
	" number INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL,"
	" UNIQUE(document, number)) STRICT;"
	"CREATE TABLE question("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, version INTEGER NOT NULL,"
	" append INTEGER NOT NULL, labels TEXT NOT NULL, content BLOB NOT NULL,"
	" action TEXT NOT NULL, created INTEGER NOT NULL, answer INTEGER NOT NULL) STRICT;"
	"CREATE TABLE total(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
	"INSERT INTO total VALUES('bytes', 0), ('documents', 0);"
	"CREATE VIRTUAL TABLE chunk_text USING fts5(path, text, content='',"
	" contentless_delete=1, tokenize=\"porter unicode61 remove_diacritics 2\");"
	"INSERT INTO chunk_text(chunk_text, rank) VALUES('hashsize', 262144);"
	"CREATE VIRTUAL TABLE chunk_word USING fts5vocab(chunk_text, row);";

const char *const schema_steps[] = { step_1 };
const size_t schema_version = sizeof(schema_steps) / sizeof(schema_steps[0]);
