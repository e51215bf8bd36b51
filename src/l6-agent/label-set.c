/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/label-set.h"

#include <ctype.h>
#include <string.h>

static const char any[] = "any", web[] = "web", web_of[] = "web:";

/* Where name stands or would stand; *ret_found says which. */
static size_t find(const struct label_set *set, const char *name, bool *ret_found)
{
	for (size_t i = 0; i < set->n; i++) {
		int order = strcmp(set->names[i], name);

		if (order >= 0) {
			*ret_found = order == 0;
			return i;
		}
	}
	*ret_found = false;
	return set->n;
}

static void insert(struct label_set *set, const char *name)
{
	bool is_there;
	size_t at = find(set, name, &is_there);

	if (is_there)
		return;
	memmove(set->names[at + 1], set->names[at], (set->n - at) * sizeof(set->names[0]));
	memcpy(set->names[at], name, strlen(name) + 1);
	set->n++;
}

static void become_any(struct label_set *set)
{
	set->n = 0;
	insert(set, any);
}

static bool is_web_of(const char *name)
{
	return strncmp(name, web_of, strlen(web_of)) == 0;
}

/* There is no room: hosts are told apart no longer. */
static void join_hosts(struct label_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (is_web_of(set->names[i]))
			continue;
		if (kept != i)
			memcpy(set->names[kept], set->names[i], sizeof(set->names[0]));
		kept++;
	}
	if (kept == set->n)
		return;
	set->n = kept;
	insert(set, web);
}

static void add(struct label_set *set, const char *name)
{
	bool is_there;

	(void)find(set, any, &is_there);
	if (!is_there)
		(void)find(set, name, &is_there);
	if (is_there)
		return;
	if (strcmp(name, any) == 0) {
		become_any(set);
		return;
	}
	if (set->n == LABELS_MAX) {
		join_hosts(set);
		if (is_web_of(name))
			name = web;
	}
	if (set->n == LABELS_MAX)
		become_any(set);
	else
		insert(set, name);
}

void label_set_add(struct label_set *set, const char *name, size_t length)
{
	char label[LABEL_BYTES + 1];

	if (length <= LABEL_BYTES) {
		memcpy(label, name, length);
		label[length] = '\0';
	}
	add(set, length <= LABEL_BYTES && strlen(label) == length && label_is_valid(label) ? label
											   : any);
}

void label_set_add_text(struct label_set *set, const char *text)
{
	const char *at = NULL, *label;
	size_t length;

	while (text && labels_next(text, &at, &label, &length))
		label_set_add(set, label, length);
}

void label_set_add_json(struct label_set *set, sd_json_variant *array)
{
	size_t n = array && sd_json_variant_is_array(array) ? sd_json_variant_elements(array) : 0;

	for (size_t i = 0; i < n; i++) {
		sd_json_variant *value = sd_json_variant_by_index(array, i);
		const char *name =
			sd_json_variant_is_string(value) ? sd_json_variant_string(value) : any;

		label_set_add(set, name, strlen(name));
	}
}

int label_set_write(const struct label_set *set, struct buf *out)
{
	int r = buf_add_char(out, '[');

	for (size_t i = 0; i < set->n && r >= 0; i++)
		r = buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", set->names[i]);
	return r < 0 ? r : buf_add_char(out, ']');
}

int label_set_to_json(const struct label_set *set, sd_json_variant **ret)
{
	sd_json_variant *array = NULL;
	int r = sd_json_variant_new_array(&array, NULL, 0);

	for (size_t i = 0; i < set->n && r >= 0; i++)
		r = sd_json_variant_append_arrayb(&array, SD_JSON_BUILD_STRING(set->names[i]));
	if (r < 0)
		sd_json_variant_unref(array);
	else
		*ret = array;
	return r;
}

void label_set_add_url(struct label_set *set, const char *url)
{
	const char *host = strstr(url, "://");
	char label[LABEL_BYTES + 1] = "web:";
	size_t length, prefix = strlen(web_of);

	host = host ? host + 3 : "";
	if (*host == '[') /* an IPv6 address */
		length = strcspn(++host, "]");
	else
		length = strcspn(host, ":/?#");
	if (length > 0 && host[length - 1] == '.')
		length--;
	if (length == 0 || prefix + length > LABEL_BYTES) {
		add(set, web);
		return;
	}
	for (size_t i = 0; i < length; i++)
		label[prefix + i] = (char)tolower((unsigned char)host[i]);
	label[prefix + length] = '\0';
	add(set, label_is_valid(label) ? label : web);
}
