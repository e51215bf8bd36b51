/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Renders every tests/data/markdown/NAME.md and compares with NAME.golden, in which ESC is written
 * \e. The first line of a golden names the columns: "columns 40".
 */
#include "base/number.h"
#include "l7-shell/markdown.h"

#include "harness/tap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { OUT_BYTES_MAX = 1 << 20, FILES_MIN = 8, NAME_BYTES = 512 };

static void add(struct buf *buf, const char *bytes, size_t length)
{
	if (buf_add(buf, bytes, length) < 0)
		abort();
}

static void read_file(const char *folder, const char *name, struct buf *out)
{
	char path[NAME_BYTES], block[4096];
	FILE *file;
	size_t n;

	if (snprintf(path, sizeof(path), "%s/markdown/%s", folder, name) >= (int)sizeof(path))
		abort();
	file = fopen(path, "re");
	if (!file)
		tap_fail(__FILE__, __LINE__, "cannot read %s", path);
	while ((n = fread(block, 1, sizeof(block), file)) > 0)
		add(out, block, n);
	(void)fclose(file);
}

static void render(const struct markdown_options *options, const struct buf *text, size_t piece,
		   struct buf *out)
{
	CLEANUP(markdown_close_ptr) struct markdown *markdown = NULL;

	EXPECT_INT(markdown_open(options, &markdown), ==, 0);
	for (size_t at = 0; at < text->length;) {
		size_t n = piece < text->length - at ? piece : text->length - at;

		while (at + n < text->length && ((unsigned char)text->data[at + n] & 0xC0) == 0x80)
			n++; /* whole characters */
		EXPECT_INT(markdown_feed(markdown, text->data + at, n, out), ==, 0);
		at += n;
	}
	EXPECT_INT(markdown_end(markdown, out), ==, 0);
}

static void show_escapes(const struct buf *text, struct buf *out)
{
	for (size_t i = 0; i < text->length; i++) {
		if (text->data[i] == '\033')
			add(out, "\\e", 2);
		else
			add(out, &text->data[i], 1);
	}
}

static void drop_escapes(struct buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->length; i++) {
		if (text->data[i] == '\033')
			while (text->data[i] != 'm')
				i++;
		else
			text->data[n++] = text->data[i];
	}
	buf_truncate(text, n);
}

static void check_file(const char *folder, const char *stem, int n_stem)
{
	auto_buf struct buf text = BUF(OUT_BYTES_MAX), golden = BUF(OUT_BYTES_MAX);
	auto_buf struct buf whole = BUF(OUT_BYTES_MAX), shown = BUF(OUT_BYTES_MAX);
	struct markdown_options options = { .attributes = true, .colour = true };
	char name[NAME_BYTES], *rest;
	uint64_t columns;

	(void)snprintf(name, sizeof(name), "%.*s.md", n_stem, stem);
	read_file(folder, name, &text);
	(void)snprintf(name, sizeof(name), "%.*s.golden", n_stem, stem);
	read_file(folder, name, &golden);
	rest = strchr(golden.data, '\n');
	if (!rest || strncmp(golden.data, "columns ", 8) != 0)
		tap_fail(name, 1, "the first line has to name the columns");
	*rest++ = '\0';
	if (number_parse_u64(golden.data + 8, 0, 500, &columns) < 0)
		tap_fail(name, 1, "columns is no number");
	options.columns = columns;
	render(&options, &text, text.length, &whole);
	show_escapes(&whole, &shown);
	if (strcmp(buf_string(&shown), rest) != 0)
		tap_fail(name, 1, "rendered:\n%s\nwanted:\n%s", buf_string(&shown), rest);
	drop_escapes(&whole);
	for (size_t piece = 1; piece < 20; piece++) {
		auto_buf struct buf pieces = BUF(OUT_BYTES_MAX);

		render(&options, &text, piece, &pieces);
		drop_escapes(&pieces);
		if (strcmp(buf_string(&pieces), buf_string(&whole)) != 0)
			tap_fail(name, 1, "in pieces of %zu:\n%s\nwanted:\n%s", piece,
				 buf_string(&pieces), buf_string(&whole));
	}
}

TEST(goldens_are_rendered_whole_and_in_pieces)
{
	const char *folder = getenv("CLAW_DATA");
	char path[NAME_BYTES];
	unsigned n = 0;
	DIR *dir;

	if (!folder || snprintf(path, sizeof(path), "%s/markdown", folder) >= (int)sizeof(path))
		tap_fail(__FILE__, __LINE__, "CLAW_DATA has to name tests/data");
	dir = opendir(path);
	if (!dir)
		tap_fail(__FILE__, __LINE__, "cannot read %s", path);
	for (struct dirent *entry; (entry = readdir(dir));) {
		size_t length = strlen(entry->d_name);

		if (length < 4 || strcmp(entry->d_name + length - 3, ".md") != 0)
			continue;
		check_file(folder, entry->d_name, (int)(length - 3));
		n++;
	}
	(void)closedir(dir);
	EXPECT_INT(n, >=, FILES_MIN);
}

static void render_text(const char *text, const struct markdown_options *options, struct buf *out)
{
	auto_buf struct buf bytes = BUF(OUT_BYTES_MAX);

	add(&bytes, text, strlen(text));
	render(options, &bytes, bytes.length, out);
}

TEST(without_attributes_no_escape_is_written)
{
	const struct markdown_options options = { .columns = 40 };
	auto_buf struct buf out = BUF(OUT_BYTES_MAX);

	render_text("# A\n**b** `c` [d](e)\n```\nf\n```\n| g | h |\n|---|---|\n| *i* | j |\n",
		    &options, &out);
	EXPECT_INT(memchr(out.data, '\033', out.length) == NULL, ==, 1);
	EXPECT_INT(strstr(out.data, "b c d (e)") != NULL, ==, 1);
}

TEST(an_open_mark_is_written_as_it_stands)
{
	const struct markdown_options options = { 0 };
	auto_buf struct buf out = BUF(OUT_BYTES_MAX);

	render_text("*args and **kwargs\nsnake_case_name 2 * 3 * 4\na `tick\n[no link] (x)\nwow!",
		    &options, &out);
	EXPECT_STR(out.data,
		   "*args and **kwargs\nsnake_case_name 2 * 3 * 4\na `tick\n[no link] (x)\nwow!\n");
}

TEST(a_word_is_shown_before_its_line_ends)
{
	const struct markdown_options options = { .columns = 40 };
	CLEANUP(markdown_close_ptr) struct markdown *markdown = NULL;
	auto_buf struct buf out = BUF(OUT_BYTES_MAX);

	EXPECT_INT(markdown_open(&options, &markdown), ==, 0);
	EXPECT_INT(markdown_feed(markdown, "one two thr", 11, &out), ==, 0);
	EXPECT_STR(buf_string(&out), "one two");
	EXPECT_INT(markdown_feed(markdown, "ee ", 3, &out), ==, 0);
	EXPECT_STR(buf_string(&out), "one two three");
}

static void repeat(struct buf *buf, const char *text, size_t n)
{
	while (n-- > 0)
		add(buf, text, strlen(text));
}

/* Nothing a model writes may end the program or take its text away. */
TEST(monstrous_lines_are_rendered)
{
	static const char *const pieces[] = { "*",    "`",   "_",    "[",  "![",   "|",
					      "| a ", "```", "> ",   "- ", "1. ",  "#",
					      "\\",   "~~",  "**a ", "x",  "[a](", " " };
	const struct markdown_options options = { .columns = 30,
						  .attributes = true,
						  .colour = true };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct buf text = BUF(OUT_BYTES_MAX), out = BUF(8 * OUT_BYTES_MAX);

		repeat(&text, pieces[i], 300000 / strlen(pieces[i]));
		render(&options, &text, 4000, &out);
		buf_free(&text);
		buf_free(&out);
	}
}
