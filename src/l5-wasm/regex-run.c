/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * regex-run - the automaton: sets of places in the program, made and kept as the text asks for
 * them, thrown away together when their memory is full (L5).
 */
#include "l5-wasm/regex-internal.h"

#include "base/cleanup.h"

#include <assert.h>

enum {
	STATES_MAX = 4096,
	STATE_BYTES_MAX = 8 * 1024 * 1024,
	BUCKETS = 8192,
};

/* What stands before a place decides its assertions once the next byte is known. */
enum before { BEFORE_NOTHING, BEFORE_WORD, BEFORE_OTHER };

struct state {
	struct state *same_bucket;
	struct state **next; /* by class of the symbol; NULL: not yet known */
	uint32_t *places;
	uint32_t n_places, hash;
	enum before before;
	bool matches;
};

/* A set of places with constant-time clear. */
struct set {
	uint32_t *dense, *sparse;
	uint32_t count;
};

struct regex {
	struct regex_program program;
	uint8_t classes[REGEX_SYMBOLS]; /* symbols that no instruction tells apart */
	uint16_t symbol_of[REGEX_SYMBOLS];
	unsigned n_classes;
	char required[REGEX_LITERAL_BYTES_MAX];
	size_t n_required;
	struct state *buckets[BUCKETS], *start;
	unsigned n_states;
	size_t state_bytes;
	struct set from, to;
	uint32_t *stack;
};

DEFINE_CLEANUP(struct regex *, regex_free)

static bool is_word(unsigned symbol)
{
	return symbol < 256 && (symbol >= 0x80 || isalnum((int)symbol) || symbol == '_');
}

/* ---- sets ---- */

static bool set_has(const struct set *set, uint32_t place)
{
	return set->sparse[place] < set->count && set->dense[set->sparse[place]] == place;
}

static void set_add(struct set *set, uint32_t place)
{
	set->sparse[place] = set->count;
	set->dense[set->count++] = place;
}

struct around {
	bool is_resolved; /* what follows is known, so assertions can be decided */
	enum before before;
	unsigned symbol;
};

static bool holds(uint8_t assertion, const struct around *around)
{
	bool edge = (around->before == BEFORE_WORD) != is_word(around->symbol);

	switch ((enum regex_kind)assertion) {
	case REGEX_BEGIN:
		return around->before == BEFORE_NOTHING;
	case REGEX_END:
		return around->symbol == REGEX_NEWLINE;
	case REGEX_WORD_EDGE:
		return edge;
	default: /* never between the bytes of one character */
		return !edge && !(around->symbol >= 0x80 && around->symbol < 0xC0);
	}
}

/* Adds a place and all it leads to without reading a byte. */
static void close_over(struct regex *regex, struct set *set, uint32_t place,
		       const struct around *around)
{
	uint32_t depth = 0;

	regex->stack[depth++] = place;
	while (depth > 0) {
		const struct regex_instruction *instruction;

		place = regex->stack[--depth];
		if (set_has(set, place))
			continue;
		set_add(set, place);
		instruction = &regex->program.code[place];
		if (instruction->op == REGEX_OP_SPLIT) {
			regex->stack[depth++] = instruction->other;
			regex->stack[depth++] = instruction->next;
		} else if (instruction->op == REGEX_OP_ASSERT && around->is_resolved &&
			   holds(instruction->assertion, around)) {
			regex->stack[depth++] = instruction->next;
		}
	}
}

static bool set_matches(const struct regex *regex, const struct set *set)
{
	for (uint32_t i = 0; i < set->count; i++)
		if (regex->program.code[set->dense[i]].op == REGEX_OP_MATCH)
			return true;
	return false;
}

/* ---- states ---- */

static void forget_states(struct regex *regex)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (regex->buckets[i]) {
			struct state *state = regex->buckets[i];

			regex->buckets[i] = state->same_bucket;
			free(state);
		}
	}
	regex->start = NULL;
	regex->n_states = 0;
	regex->state_bytes = 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* Only places that read a byte or wait for one count. */
static uint32_t keep_waiting(const struct regex *regex, struct set *set)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->count; i++)
		if (regex->program.code[set->dense[i]].op != REGEX_OP_SPLIT)
			set->dense[n++] = set->dense[i];
	set->count = 0; /* dense is only a list from here on */
	qsort(set->dense, n, sizeof(*set->dense), by_value);
	return n;
}

static struct state *new_state(struct regex *regex, const uint32_t *places, uint32_t n_places,
			       enum before before, bool matches, uint32_t hash)
{
	size_t n_next = regex->n_classes * sizeof(struct state *);
	size_t bytes = sizeof(struct state) + n_next + n_places * sizeof(*places);
	struct state *state = calloc(1, bytes);

	if (!state)
		return NULL;
	state->next = (struct state **)(void *)(state + 1);
	state->places = (uint32_t *)(void *)((char *)state->next + n_next);
	memcpy(state->places, places, n_places * sizeof(*places));
	state->n_places = n_places;
	state->before = before;
	state->matches = matches;
	state->hash = hash;
	state->same_bucket = regex->buckets[hash % BUCKETS];
	regex->buckets[hash % BUCKETS] = state;
	regex->n_states++;
	regex->state_bytes += bytes;
	return state;
}

/* The state of a set; NULL without memory. */
static struct state *find_state(struct regex *regex, struct set *set, enum before before)
{
	bool matches = set_matches(regex, set);
	uint32_t n = keep_waiting(regex, set), hash = 2166136261U ^ (uint32_t)before;

	for (uint32_t i = 0; i < n; i++)
		hash = (hash ^ set->dense[i]) * 16777619U;
	for (struct state *state = regex->buckets[hash % BUCKETS]; state;
	     state = state->same_bucket)
		if (state->hash == hash && state->n_places == n && state->before == before &&
		    memcmp(state->places, set->dense, n * sizeof(*set->dense)) == 0)
			return state;
	return new_state(regex, set->dense, n, before, matches, hash);
}

static struct state *start_state(struct regex *regex)
{
	const struct around unknown = { 0 };

	if (!regex->start) {
		regex->to.count = 0;
		close_over(regex, &regex->to, regex->program.start, &unknown);
		regex->start = find_state(regex, &regex->to, BEFORE_NOTHING);
	}
	return regex->start;
}

/* The state behind a symbol; NULL without memory. */
static struct state *step(struct regex *regex, struct state *state, unsigned class)
{
	unsigned symbol = regex->symbol_of[class];
	struct around around = { true, state->before, symbol };
	const struct around unknown = { 0 };
	struct state *next;
	bool matches;

	regex->from.count = regex->to.count = 0;
	for (uint32_t i = 0; i < state->n_places; i++)
		close_over(regex, &regex->from, state->places[i], &around);
	/* An assertion that has just been decided may have ended a match in front of the symbol. */
	matches = set_matches(regex, &regex->from);
	for (uint32_t i = 0; i < regex->from.count; i++) {
		const struct regex_instruction *at = &regex->program.code[regex->from.dense[i]];

		if (matches && at->op == REGEX_OP_MATCH)
			close_over(regex, &regex->to, regex->from.dense[i], &unknown);
		if (at->op == REGEX_OP_BYTE && symbol >= at->low && symbol <= at->high)
			close_over(regex, &regex->to, at->next, &unknown);
	}
	if (regex->n_states >= STATES_MAX || regex->state_bytes >= STATE_BYTES_MAX) {
		forget_states(regex);
		state = NULL;
	}
	next = find_state(regex, &regex->to, is_word(symbol) ? BEFORE_WORD : BEFORE_OTHER);
	if (state && next)
		state->next[class] = next;
	return next;
}

/* ---- running ---- */

int regex_line(struct regex *regex, const char *line, size_t length, enum regex_outcome *ret,
	       size_t *ret_end)
{
	struct state *state = start_state(regex);

	for (size_t i = 0; state && i < length && !state->matches; i++) {
		unsigned class = regex->classes[(unsigned char)line[i]];
		struct state *next = state->next[class];

		state = next ? next : step(regex, state, class);
		*ret_end = i + 1;
	}
	if (state && !state->matches) {
		unsigned class = regex->classes[REGEX_NEWLINE];

		state = state->next[class] ? state->next[class] : step(regex, state, class);
		*ret_end = length;
	}
	if (!state)
		return -ENOMEM;
	*ret = state->matches ? REGEX_FOUND : REGEX_NONE;
	return 0;
}

int regex_next_line(struct regex *regex, const char *text, size_t length, size_t at,
		    enum regex_outcome *ret, size_t *ret_start, size_t *ret_end)
{
	*ret = REGEX_NONE;
	while (at < length && *ret == REGEX_NONE) {
		const char *newline;
		size_t n, end = 0;
		int r;

		if (regex->n_required > 0) { /* go to the line that can match at all */
			const char *found =
				memmem(text + at, length - at, regex->required, regex->n_required);

			if (!found)
				return 0;
			newline = memrchr(text + at, '\n', (size_t)(found - text) - at);
			at = newline ? (size_t)(newline - text) + 1 : at;
		}
		newline = memchr(text + at, '\n', length - at);
		n = newline ? (size_t)(newline - text) - at : length - at;
		/* $ is in front of either kind of line end. */
		r = regex_line(regex, text + at, n > 0 && text[at + n - 1] == '\r' ? n - 1 : n, ret,
			       &end);
		if (r < 0)
			return r;
		*ret_start = at;
		*ret_end = at + end;
		at += n + 1;
	}
	return 0;
}

/* ---- making ---- */

/* Symbols between two neighbouring bounds of the program's ranges form one class. */
static void make_classes(struct regex *regex)
{
	bool begins[REGEX_SYMBOLS + 1] = { false };
	unsigned class = 0;

	begins[REGEX_NEWLINE] = begins[0xC0] = true; /* 0x80 begins one as the first word byte */
	for (unsigned symbol = 1; symbol < 256; symbol++)
		begins[symbol] |= is_word(symbol) != is_word(symbol - 1);
	for (uint32_t i = 0; i < regex->program.length; i++) {
		const struct regex_instruction *at = &regex->program.code[i];

		if (at->op == REGEX_OP_BYTE && at->low <= at->high) {
			begins[at->low] = true;
			begins[at->high + 1] = true;
		}
	}
	for (unsigned symbol = 0; symbol < REGEX_SYMBOLS; symbol++) {
		class += symbol > 0 && begins[symbol];
		/* 257 symbols have at most 257 classes; with a class of its own for each byte the
		 * line's end is the only one that needs the ninth bit, and \n itself never comes.
		 */
		regex->classes[symbol] = (uint8_t)(class < 256 ? class : '\n');
		regex->symbol_of[regex->classes[symbol]] = (uint16_t)symbol;
	}
	regex->n_classes = class < 256 ? class + 1 : 256;
}

static int alloc_sets(struct regex *regex)
{
	size_t n = regex->program.length;

	regex->from.dense = calloc(n, sizeof(uint32_t));
	regex->from.sparse = calloc(n, sizeof(uint32_t));
	regex->to.dense = calloc(n, sizeof(uint32_t));
	regex->to.sparse = calloc(n, sizeof(uint32_t));
	/* Each place is pushed at most by its two predecessors' expansions. */
	regex->stack = calloc(2 * n + 2, sizeof(uint32_t));
	return regex->from.dense && regex->from.sparse && regex->to.dense && regex->to.sparse &&
			       regex->stack
		       ? 0
		       : -ENOMEM;
}

int regex_compile(const char *pattern, const struct regex_options *options, struct regex **ret,
		  struct error *err)
{
	CLEANUP(regex_free_ptr) struct regex *regex = calloc(1, sizeof(*regex));
	CLEANUP(regex_tree_fini) struct regex_tree tree = { 0 };
	int r;

	if (!regex)
		return -ENOMEM;
	r = regex_parse(pattern, options, &tree, err);
	if (r == 0)
		r = regex_program_make(&tree, &regex->program, err);
	if (r == 0)
		r = alloc_sets(regex);
	if (r < 0)
		return r;
	regex->n_required = regex_required_text(&tree, regex->required);
	make_classes(regex);
	*ret = TAKE_PTR(regex);
	return 0;
}

void regex_free(struct regex *regex)
{
	if (!regex)
		return;
	forget_states(regex);
	free(regex->program.code);
	free(regex->from.dense);
	free(regex->from.sparse);
	free(regex->to.dense);
	free(regex->to.sparse);
	free(regex->stack);
	free(regex);
}
