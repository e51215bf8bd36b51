/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * regex-internal - between the files of regex: syntax tree, program, automaton (L5).
 *
 * regex-parse.c and regex-set.c make the tree, regex-program.c the program, regex-run.c the
 * automaton.
 */
#pragma once

#include "l5-wasm/regex.h"

enum {
	REGEX_NODES_MAX = 20000,
	REGEX_RANGES_MAX = 20000,
	REGEX_PROGRAM_MAX = 60000,
	REGEX_REPEAT_MAX = 1000,
	REGEX_GROUPS_MAX = 100, /* inside one another */
	REGEX_CODE_MAX = 0x10FFFF,
	REGEX_NEWLINE = 256, /* the end of a line, as a byte beyond the others */
	REGEX_SYMBOLS = 257,
};

enum regex_kind {
	REGEX_EMPTY,
	REGEX_SET, /* one character of the ranges */
	REGEX_CAT,
	REGEX_ALT,
	REGEX_REPEAT,
	REGEX_BEGIN,
	REGEX_END,
	REGEX_WORD_EDGE,
	REGEX_NO_WORD_EDGE,
};

struct regex_node {
	enum regex_kind kind;
	uint32_t left, right; /* CAT, ALT; left: REPEAT */
	int min, max;         /* REPEAT; max -1: no end */
	uint32_t first_range, n_ranges;
};

struct regex_range {
	uint32_t low, high; /* code points */
};

struct regex_tree {
	struct regex_node *nodes;
	struct regex_range *ranges;
	uint32_t n_nodes, n_ranges, root;
	bool no_room; /* something did not fit */
};

/* Sets of characters are made of ranges added one after the other and then finished: sorted,
 * joined, with the other case, turned around. */
void regex_add_range(struct regex_tree *tree, uint32_t low, uint32_t high);
void regex_set_finish(struct regex_tree *tree, uint32_t first, bool negated, bool ignore_case);

/* The class \c stands for; false when there is none. */
bool regex_add_shorthand(struct regex_tree *tree, char c);

/* ":alpha:]" at the text's start: its length, or 0 when there is none. */
size_t regex_add_posix(struct regex_tree *tree, const char *at, const char *end);

/* Makes a tree; on failure too it is the caller's to regex_tree_fini(). */
must_check int regex_parse(const char *pattern, const struct regex_options *options,
			   struct regex_tree *ret, struct error *err);
void regex_tree_fini(struct regex_tree *tree);

enum regex_op { REGEX_OP_BYTE, REGEX_OP_SPLIT, REGEX_OP_ASSERT, REGEX_OP_MATCH };

struct regex_instruction {
	uint8_t op;
	uint8_t assertion;    /* ASSERT: enum regex_kind */
	uint8_t low, high;    /* BYTE */
	uint32_t next, other; /* other: SPLIT */
};

struct regex_program {
	struct regex_instruction *code;
	uint32_t length, start;
};

/* The program of a tree that finds a match anywhere in a line. -EINVAL when it is too long. */
must_check int regex_program_make(const struct regex_tree *tree, struct regex_program *ret,
				  struct error *err);

/* A text that every match contains, longest first choice, or length 0. */
enum { REGEX_LITERAL_BYTES_MAX = 64 };
size_t regex_required_text(const struct regex_tree *tree, char text[REGEX_LITERAL_BYTES_MAX]);
