/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   egress_rules_open(), the file of rules.
 * Property what is accepted is written back and accepted again with the same rules; what is refused
 *          has a sentence that begins with the file's name.
 * Corpus   fuzz/corpus/egress-rules/
 */
#include "base/dir.h"
#include "l6-agent/egress-rules.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RULES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_file(int folder_fd, const uint8_t *data, size_t size)
{
	auto_fd int fd = openat(folder_fd, "rules", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || dir_write_all(fd, data, size) < 0)
		abort();
}

static bool is_equal(const struct egress_rule *a, const struct egress_rule *b)
{
	return a->id == b->id && a->created_us == b->created_us && a->until_us == b->until_us &&
	       a->used == b->used && strcmp(a->text, b->text) == 0 &&
	       strcmp(a->thread ? a->thread : "", b->thread ? b->thread : "") == 0 &&
	       (a->thread != NULL) == (b->thread != NULL);
}

/* Adding one writes all; those whose time is over go. */
static void check(int folder_fd, struct egress_rules *rules)
{
	struct egress_rules *again = NULL;
	size_t n;

	if (egress_rules_add(rules, "allow http GET one.more.example", NULL, NULL, NULL) < 0)
		return; /* there are too many */
	n = egress_rules_count(rules);
	if (egress_rules_open(folder_fd, NULL, RULES_MAX, &again, NULL) < 0 ||
	    egress_rules_count(again) != n)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!is_equal(egress_rules_at(rules, i), egress_rules_at(again, i)))
			abort();
	egress_rules_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int folder_fd = -1;
	char path[] = "/tmp/clawos-fuzz-rules-XXXXXX";
	struct egress_rules *rules = NULL;
	struct error err = { 0 };

	if (folder_fd < 0)
		folder_fd = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (folder_fd < 0)
		abort();
	write_file(folder_fd, data, size);
	if (egress_rules_open(folder_fd, NULL, RULES_MAX, &rules, &err) >= 0)
		check(folder_fd, rules);
	else if (strncmp(err.text, "rules", 5) != 0)
		abort();
	egress_rules_close(rules);
	return 0;
}
