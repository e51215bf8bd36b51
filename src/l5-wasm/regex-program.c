/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/regex-internal.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <assert.h>

/*
 * Code is written from its end to its start: each piece is given where it goes on, so nothing has
 * to be patched but the loops.
 */
struct writer {
	const struct regex_tree *tree;
	struct regex_program *program;
	bool no_room;
};

static uint32_t emit(struct writer *writer, struct regex_instruction instruction)
{
	struct regex_program *program = writer->program;

	if (program->length == REGEX_PROGRAM_MAX) {
		writer->no_room = true;
		return 0;
	}
	program->code[program->length] = instruction;
	return program->length++;
}

static uint32_t emit_split(struct writer *writer, uint32_t next, uint32_t other)
{
	return emit(writer, (struct regex_instruction){
				    .op = REGEX_OP_SPLIT, .next = next, .other = other });
}

static uint32_t emit_byte(struct writer *writer, unsigned low, unsigned high, uint32_t next)
{
	return emit(writer, (struct regex_instruction){ .op = REGEX_OP_BYTE,
							.low = (uint8_t)low,
							.high = (uint8_t)high,
							.next = next });
}

/* ---- characters as bytes ---- */

struct encoding {
	unsigned n, low[4], high[4];
};

static unsigned encode(uint32_t code, unsigned bytes[4])
{
	if (code < 0x80) {
		bytes[0] = code;
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = 0xC0 | code >> 6;
		bytes[1] = 0x80 | (code & 0x3F);
		return 2;
	}
	if (code < 0x10000) {
		bytes[0] = 0xE0 | code >> 12;
		bytes[1] = 0x80 | (code >> 6 & 0x3F);
		bytes[2] = 0x80 | (code & 0x3F);
		return 3;
	}
	bytes[0] = 0xF0 | code >> 18;
	bytes[1] = 0x80 | (code >> 12 & 0x3F);
	bytes[2] = 0x80 | (code >> 6 & 0x3F);
	bytes[3] = 0x80 | (code & 0x3F);
	return 4;
}

/* The largest end of a range from low on whose encodings are one range in each byte. */
static uint32_t aligned_end(uint32_t low, uint32_t high)
{
	static const uint32_t lengths[] = { 0x7F, 0x7FF, 0xFFFF, REGEX_CODE_MAX };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		if (low <= lengths[i]) {
			high = high < lengths[i] ? high : lengths[i];
			break;
		}
	}
	if (high < 0x80)
		return high;
	for (unsigned shift = 6; shift <= 18; shift += 6) {
		uint32_t mask = (UINT32_C(1) << shift) - 1;

		if ((low & ~mask) == (high & ~mask))
			break; /* they differ in the last bytes only */
		if ((low & mask) != 0)
			return low | mask;
		if ((high & mask) != mask)
			high = (high & ~mask) - 1;
	}
	return high;
}

static uint32_t emit_range(struct writer *writer, uint32_t low, uint32_t high, uint32_t next)
{
	unsigned first[4], last[4] = { 0 }, n = encode(low, first);

	(void)encode(high, last);
	while (n > 0) {
		n--;
		next = emit_byte(writer, first[n], last[n], next);
	}
	return next;
}

static uint32_t emit_set(struct writer *writer, const struct regex_node *node, uint32_t next)
{
	uint32_t start = 0;
	bool any = false;

	for (uint32_t i = 0; i < node->n_ranges; i++) {
		struct regex_range range = writer->tree->ranges[node->first_range + i];

		while (range.low <= range.high && !writer->no_room) {
			uint32_t end = aligned_end(range.low, range.high);
			uint32_t one = emit_range(writer, range.low, end, next);

			start = any ? emit_split(writer, one, start) : one;
			any = true;
			range.low = end + 1;
		}
	}
	/* An empty set matches nothing: a byte range without a byte. */
	return any ? start : emit_byte(writer, 1, 0, next);
}

/* ---- nodes ---- */

static uint32_t emit_node(struct writer *writer, uint32_t index, uint32_t next);

static uint32_t emit_repeat(struct writer *writer, const struct regex_node *node, uint32_t next)
{
	uint32_t at = next;

	if (node->max < 0) {
		uint32_t loop = emit_split(writer, 0, next);
		uint32_t body = emit_node(writer, node->left, loop);

		if (!writer->no_room)
			writer->program->code[loop].next = body;
		at = loop;
	}
	for (int i = node->min; i < node->max && !writer->no_room; i++)
		at = emit_split(writer, emit_node(writer, node->left, at), next);
	for (int i = 0; i < node->min && !writer->no_room; i++)
		at = emit_node(writer, node->left, at);
	return at;
}

/* Sequences are chains to the left; they are followed in a loop, so that long ones need no stack.
 */
static uint32_t emit_node(struct writer *writer, uint32_t index, uint32_t next)
{
	const struct regex_node *node = &writer->tree->nodes[index];

	while (node->kind == REGEX_CAT && !writer->no_room) {
		next = emit_node(writer, node->right, next);
		node = &writer->tree->nodes[node->left];
	}
	if (writer->no_room)
		return 0;
	switch (node->kind) {
	case REGEX_SET:
		return emit_set(writer, node, next);
	case REGEX_REPEAT:
		return emit_repeat(writer, node, next);
	case REGEX_ALT: {
		uint32_t at = emit_node(writer, node->right, next);

		for (node = &writer->tree->nodes[node->left]; node->kind == REGEX_ALT;
		     node = &writer->tree->nodes[node->left])
			at = emit_split(writer, emit_node(writer, node->right, next), at);
		return emit_split(writer,
				  emit_node(writer, (uint32_t)(node - writer->tree->nodes), next),
				  at);
	}
	case REGEX_BEGIN:
	case REGEX_END:
	case REGEX_WORD_EDGE:
	case REGEX_NO_WORD_EDGE:
		return emit(writer, (struct regex_instruction){ .op = REGEX_OP_ASSERT,
								.assertion = (uint8_t)node->kind,
								.next = next });
	case REGEX_EMPTY:
	case REGEX_CAT:
		break;
	}
	return next;
}

int regex_program_make(const struct regex_tree *tree, struct regex_program *ret, struct error *err)
{
	struct writer writer = { .tree = tree, .program = ret };
	uint32_t body, any;

	*ret = (struct regex_program){ 0 };
	ret->code = calloc(REGEX_PROGRAM_MAX, sizeof(*ret->code));
	if (!ret->code)
		return -ENOMEM;
	body = emit_node(&writer, tree->root,
			 emit(&writer, (struct regex_instruction){ .op = REGEX_OP_MATCH }));
	/* A match may begin behind any byte. */
	any = emit_byte(&writer, 0, 255, 0);
	ret->start = emit_split(&writer, body, any);
	if (writer.no_room)
		return FAIL(err, -EOPNOTSUPP, "the pattern is too large");
	ret->code[any].next = ret->start;
	return 0;
}

/* ---- what every match contains ---- */

static bool single_code(const struct regex_tree *tree, const struct regex_node *node, uint32_t *ret)
{
	const struct regex_range *range = &tree->ranges[node->first_range];

	*ret = range->low;
	return node->kind == REGEX_SET && node->n_ranges == 1 && range->low == range->high;
}

/* The chain is read from its end, so the text is gathered from its end, too. */
size_t regex_required_text(const struct regex_tree *tree, char text[REGEX_LITERAL_BYTES_MAX])
{
	const struct regex_node *node = &tree->nodes[tree->root];
	char run[REGEX_LITERAL_BYTES_MAX];
	size_t n_run = 0, best = 0;

	while (node->kind == REGEX_CAT) {
		unsigned bytes[4], n;
		uint32_t code;

		if (single_code(tree, &tree->nodes[node->right], &code) &&
		    n_run + (n = encode(code, bytes)) <= REGEX_LITERAL_BYTES_MAX) {
			while (n > 0)
				run[REGEX_LITERAL_BYTES_MAX - ++n_run] = (char)bytes[--n];
		} else {
			n_run = 0;
		}
		if (n_run > best) {
			best = n_run;
			memcpy(text, run + REGEX_LITERAL_BYTES_MAX - n_run, n_run);
		}
		node = &tree->nodes[node->left];
	}
	return best;
}
