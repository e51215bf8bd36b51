/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * walk - every file below a directory of the workspace, in the order of their paths (L5).
 *
 * Symbolic links are told but not followed. Directories of skip.h are passed over and counted,
 * unless `named` has their name in it.
 *
 * Errors     What the callback returned, -ENOMEM. Directories that cannot be read are passed over.
 * Tests      tests/process/test-toolwork-search.py
 */
#pragma once

#include "l5-wasm/call.h"

#include <dirent.h>

/* Each level holds a descriptor, and a cage has 64 (spec/tables/profiles). */
enum { WALK_DEPTH_MAX = 48, WALK_ENTRIES_MAX = 1000000 };

struct walk_entry {
	const char *path; /* relative to where the walk began */
	const char *name;
	int directory_fd;   /* the directory that holds it */
	unsigned char type; /* DT_* */
};

/* 0 goes on, 1 ends the walk, negative ends it as an error. */
typedef int (*walk_fn)(const struct walk_entry *entry, void *data);

struct walk {
	const struct call *call;
	const char *named; /* what the model wrote, for skip.h */
	walk_fn on_entry;
	void *data;
	/* results */
	size_t entries, skipped;
	bool is_late, is_partial; /* partial: too deep or too many */
	char skipped_name[32];    /* the first that was passed over */
};

/* Walks what is below directory_fd (borrowed) and fills the results. */
must_check int walk_run(struct walk *walk, int directory_fd);

/*
 * Ends a reply that has its matches, files and content: says what was passed over, with the advice
 * how to have it searched, and whether the walk is incomplete.
 */
must_check int walk_report(const struct walk *walk, const char *advice, struct reply *reply);
