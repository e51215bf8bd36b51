/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-leak.h"

#include <string.h>

/* The key as it is; JSON has no reason to write one of its characters in another way. */
static int clean_key(struct buf *body, const struct egress_key *key, struct leak_tally *tally)
{
	size_t n = egress_key_length(key, EGRESS_FORM_PLAIN);
	const char *from = buf_string(body), *end = from + body->length, *at;
	auto_buf struct buf clean = BUF(body->max);
	int r = 0;

	if (!egress_key_find(key, from, body->length))
		return 0;
	while (r >= 0 && (at = egress_key_find(key, from, (size_t)(end - from)))) {
		r = buf_add(&clean, from, (size_t)(at - from));
		if (r >= 0)
			r = buf_printf(&clean, "[secret:%s]", leak_kinds[LEAK_KIND_PROVIDER_KEY]);
		tally->total++;
		tally->counts[LEAK_KIND_PROVIDER_KEY]++;
		from = at + n;
	}
	if (r >= 0)
		r = buf_add(&clean, from, (size_t)(end - from));
	if (r < 0)
		return r;
	explicit_bzero(body->data, body->length);
	buf_free(body);
	*body = clean;
	clean = BUF(0);
	return 0;
}

int egress_leak_clean(struct buf *body, const struct egress_key *key, struct leak_tally *tally)
{
	int r = key ? clean_key(body, key, tally) : 0;

	return r < 0 ? r : leak_clean(body, tally);
}

int egress_leak_list(const struct leak_tally *tally, sd_json_variant **ret)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list = NULL;
	int r = 0;

	for (size_t i = 0; i < leak_kind_count && r >= 0; i++)
		if (tally->counts[i] > 0)
			r = sd_json_variant_append_arraybo(
				&list, SD_JSON_BUILD_PAIR_STRING("kind", leak_kinds[i]),
				SD_JSON_BUILD_PAIR_UNSIGNED("count", tally->counts[i]));
	if (r >= 0)
		*ret = TAKE_PTR(list);
	return r;
}
