/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory-fixture - a store in a folder of its own, for the unit tests of this layer. The folder
 * goes with the store.
 */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "harness/tap.h"
#include "l3-clawfs/content.h"
#include "l3-clawfs/documents.h"
#include "l3-clawfs/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MEMORY_OWNER = 1000, MEMORY_NOW_US = 1000000 };

struct memory {
	char dir[64];
	struct quotas quotas;
	struct store *store;
};

static inline void memory_open(struct memory *memory)
{
	struct error err = { 0 };

	EXPECT_OK(store_open(memory->dir, &memory->quotas, &memory->store, &err), &err);
}

/* An empty store; quotas may be changed before memory_open() by those who make it themselves. */
static inline struct memory memory_new(void)
{
	struct memory memory = { .dir = "/tmp/clawos-unit-XXXXXX" };

	if (!mkdtemp(memory.dir))
		abort();
	quotas_default(&memory.quotas);
	return memory;
}

static inline void memory_close(struct memory *memory)
{
	static const char *const names[] = { "memory.db", "memory.db-wal", "memory.db-journal" };
	char path[128];

	store_close(memory->store);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", memory->dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(memory->dir);
}
#define auto_memory CLEANUP(memory_close)

/* A write with what most tests want. */
static inline struct document_write memory_text(const char *path, const char *text)
{
	return (struct document_write){
		.path = path,
		.owner = MEMORY_OWNER,
		.text = text,
		.length = strlen(text),
		.labels = "[]",
		.author = "agent",
		.expect_version = -1,
		.now_us = MEMORY_NOW_US,
	};
}

/* Writes and commits; returns the version the outcome names. */
static inline int64_t memory_write(struct memory *memory, const struct document_write *write,
				   enum write_outcome wanted)
{
	struct write_result result = { 0 };
	struct error err = { 0 };
	int64_t version;

	EXPECT_OK(store_begin(memory->store, &err), &err);
	EXPECT_OK(document_write(memory->store, write, &result, &err), &err);
	EXPECT_OK(store_commit(memory->store, &err), &err);
	EXPECT_INT(result.outcome, ==, wanted);
	version = result.document.version;
	document_fini(&result.document);
	return version;
}

static inline int64_t memory_put(struct memory *memory, const char *path, const char *text)
{
	const struct document_write write = memory_text(path, text);

	return memory_write(memory, &write, WRITE_DONE);
}

static inline int64_t memory_append(struct memory *memory, const char *path, const char *text)
{
	struct document_write write = memory_text(path, text);

	write.append = true;
	return memory_write(memory, &write, WRITE_DONE);
}

/* The content of a version (0: newest) in out. */
static inline void memory_content(struct memory *memory, const char *path, int64_t version,
				  struct buf *out)
{
	struct document document = { 0 };
	struct error err = { 0 };
	int r = document_find(memory->store, path, MEMORY_OWNER, version, &document, &err);

	EXPECT_INT(r, ==, 1);
	out->length = 0;
	EXPECT_OK(content_range(memory->store, document.id, document.version, 0, document.bytes,
				out, &err),
		  &err);
	EXPECT_INT(out->length, ==, document.bytes);
	document_fini(&document);
}

static inline int64_t memory_count(struct memory *memory, const char *sql)
{
	struct error err = { 0 };
	int64_t n = 0;

	EXPECT_OK(store_count(memory->store, sql, NULL, 0, &n, &err), &err);
	return n;
}
