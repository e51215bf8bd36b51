/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-question-file - questions that wait, and words that were not used, over a restart (L6). */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/number.h"
#include "l6-agent/egress-limits.h"
#include "l6-agent/egress-question.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-json.h>

#define auto_variant __attribute__((cleanup(sd_json_variant_unrefp)))

enum { FILE_BYTES_MAX = 32 * 1024 * 1024, FILE_MODE = 0600 };

static const char file_name[] = "questions";
static const char first_line[] = "clawos-questions 1\n";
static const char *const words[] = { "none", "yes", "no" };

static int write_question(const struct egress_question *question, struct buf *out)
{
	auto_variant sd_json_variant *object = NULL;
	char hex[SHA256_HEX_BYTES];
	auto_free char *text = NULL;
	int r;

	sha256_hex(question->hash, hex);
	r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_UNSIGNED("question", question->id),
			   SD_JSON_BUILD_PAIR_STRING("word", words[question->word]),
			   SD_JSON_BUILD_PAIR_STRING("method", question->method),
			   SD_JSON_BUILD_PAIR_STRING("url", question->url.url),
			   SD_JSON_BUILD_PAIR_UNSIGNED("length", question->length),
			   SD_JSON_BUILD_PAIR_STRING("hash", hex),
			   SD_JSON_BUILD_PAIR_STRING("action", question->action),
			   SD_JSON_BUILD_PAIR_CONDITION(question->thread != NULL, "thread",
							SD_JSON_BUILD_STRING(question->thread)),
			   SD_JSON_BUILD_PAIR_UNSIGNED("createdUsec", question->created_us));
	if (r >= 0)
		r = sd_json_variant_format(object, 0, &text);
	return r < 0 ? r : buf_printf(out, "%s\n", text);
}

int egress_questions_write(int folder_fd, const struct egress_question list[], size_t n)
{
	auto_buf struct buf text = BUF(FILE_BYTES_MAX);
	int r = buf_add_string(&text, first_line);

	for (size_t i = 0; i < n && r >= 0; i++)
		r = write_question(&list[i], &text);
	return r < 0 ? r
		     : dir_replace(folder_fd, file_name, buf_string(&text), text.length, FILE_MODE);
}

static const char *string_of(sd_json_variant *object, const char *key)
{
	sd_json_variant *value = sd_json_variant_by_key(object, key);

	return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
}

static uint64_t number_of(sd_json_variant *object, const char *key)
{
	sd_json_variant *value = sd_json_variant_by_key(object, key);

	return value && sd_json_variant_is_unsigned(value) ? sd_json_variant_unsigned(value) : 0;
}

static int read_hash(const char *hex, uint8_t ret[SHA256_BYTES])
{
	if (!hex || strlen(hex) != SHA256_HEX_BYTES - 1)
		return -EBADMSG;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		int high = number_hex_digit(hex[2 * i]), low = number_hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EBADMSG;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int read_word(const char *name, enum egress_word *ret)
{
	for (unsigned i = 0; name && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], name) == 0) {
			*ret = (enum egress_word)i;
			return 0;
		}
	}
	return -EBADMSG;
}

static int fill(sd_json_variant *object, struct egress_question *ret)
{
	const char *method = string_of(object, "method"), *url = string_of(object, "url");
	const char *action = string_of(object, "action"), *thread = string_of(object, "thread");

	if (!method || strlen(method) >= sizeof(ret->method) || !url || !action ||
	    read_hash(string_of(object, "hash"), ret->hash) < 0 ||
	    read_word(string_of(object, "word"), &ret->word) < 0 ||
	    egress_url_parse(url, &ret->url, NULL) < 0)
		return -EBADMSG;
	memcpy(ret->method, method, strlen(method) + 1);
	ret->id = number_of(object, "question");
	ret->length = (size_t)number_of(object, "length");
	ret->created_us = number_of(object, "createdUsec");
	ret->action = strdup(action);
	ret->thread = thread ? strdup(thread) : NULL;
	if (!ret->action || (thread && !ret->thread))
		return -ENOMEM;
	return ret->id > 0 && strcmp(ret->url.url, url) == 0 ? 0 : -EBADMSG;
}

static int read_question(const char *line, struct egress_question *ret)
{
	auto_variant sd_json_variant *object = NULL;
	int r = sd_json_parse(line, 0, &object, NULL, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	*ret = (struct egress_question){ 0 };
	r = fill(object, ret);
	if (r < 0)
		egress_question_free(ret);
	return r;
}

static int read_lines(char *line, struct egress_question list[], size_t max, size_t *n)
{
	while (*line) {
		char *end = strchr(line, '\n');
		int r;

		if (!end || *n == max)
			return end ? 0 : -EBADMSG; /* the limit was lowered: the newest are asked
						      anew */
		*end = '\0';
		r = read_question(line, &list[*n]);
		if (r < 0)
			return r;
		++*n;
		line = end + 1;
	}
	return 0;
}

int egress_questions_read(int folder_fd, struct egress_question list[], size_t max, size_t *ret_n)
{
	auto_buf struct buf text = BUF(FILE_BYTES_MAX);
	size_t n = 0;
	int r = dir_read(folder_fd, file_name, &text);

	*ret_n = 0;
	if (r == -ENOENT)
		return 0;
	if (r == -EMSGSIZE)
		return -EBADMSG;
	if (r < 0)
		return r;
	if (strlen(buf_string(&text)) != text.length ||
	    strncmp(buf_string(&text), first_line, strlen(first_line)) != 0)
		return -EBADMSG;
	r = read_lines(text.data + strlen(first_line), list, max, &n);
	while (r < 0 && n > 0)
		egress_question_free(&list[--n]);
	*ret_n = n;
	return r;
}
