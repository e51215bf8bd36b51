/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/zone.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/nearest.h"
#include "l6-agent/zone-internal.h"

#include <assert.h>
#include <ctype.h>
#include <endian.h>
#include <string.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"

enum {
	FILE_BYTES_MAX = 256 * 1024,
	NAMES_MAX = 1024,
	HEADER_BYTES = 44,
	TYPE_BYTES = 6,
	OFFSET_MAX_S = 26 * 3600, /* RFC 9636 */
	FIXED_HOURS_MAX = 18,
	AROUND_S = 36 * 3600, /* further than any local time is from UTC */
};

/* ---- TZif ---- */

struct block {
	uint32_t n_utc, n_standard, n_leaps, n_transitions, n_types, n_chars;
};

static uint32_t be32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static int64_t be64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return (int64_t)be64toh(value);
}

static bool read_header(const unsigned char *bytes, size_t left, struct block *ret)
{
	if (left < HEADER_BYTES || memcmp(bytes, "TZif", 4) != 0)
		return false;
	*ret = (struct block){ be32(bytes + 20), be32(bytes + 24), be32(bytes + 28),
			       be32(bytes + 32), be32(bytes + 36), be32(bytes + 40) };
	return ret->n_transitions <= ZONE_TRANSITIONS_MAX && ret->n_types <= ZONE_TYPES_MAX &&
	       ret->n_chars <= FILE_BYTES_MAX && ret->n_leaps <= FILE_BYTES_MAX &&
	       ret->n_utc <= ZONE_TYPES_MAX && ret->n_standard <= ZONE_TYPES_MAX;
}

static size_t block_bytes(const struct block *block, size_t time_bytes)
{
	return block->n_transitions * (time_bytes + 1) + block->n_types * (size_t)TYPE_BYTES +
	       block->n_chars + block->n_leaps * (time_bytes + 4) + block->n_standard +
	       block->n_utc;
}

static bool read_types(const unsigned char *at, const struct block *block, struct zone *zone)
{
	const unsigned char *chars = at + block->n_types * (size_t)TYPE_BYTES;

	for (size_t i = 0; i < block->n_types; i++, at += TYPE_BYTES) {
		struct zone_type *type = &zone->types[i];
		size_t start = at[5], n = 0;

		type->offset_s = (int32_t)be32(at);
		type->is_dst = at[4] != 0;
		if (type->offset_s > OFFSET_MAX_S || type->offset_s < -OFFSET_MAX_S ||
		    start >= block->n_chars)
			return false;
		while (start + n < block->n_chars && chars[start + n] != '\0' &&
		       n + 1 < ZONE_ABBREVIATION_BYTES) {
			type->abbreviation[n] = (char)chars[start + n];
			n++;
		}
		type->abbreviation[n] = '\0';
	}
	zone->n_types = block->n_types;
	return block->n_types > 0;
}

/* The block with 64-bit times; at points behind its header. */
static bool read_block(const unsigned char *at, const struct block *block, struct zone *zone)
{
	const unsigned char *indices = at + block->n_transitions * sizeof(int64_t);

	for (size_t i = 0; i < block->n_transitions; i++) {
		zone->transitions[i] = be64(at + i * sizeof(int64_t));
		zone->types_after[i] = indices[i];
		if (indices[i] >= block->n_types ||
		    (i > 0 && zone->transitions[i] <= zone->transitions[i - 1]))
			return false;
	}
	zone->n_transitions = block->n_transitions;
	return read_types(indices + block->n_transitions, block, zone);
}

int zone_parse(const char *name, const unsigned char *bytes, size_t length, struct zone *ret,
	       struct error *err)
{
	const unsigned char *end = bytes + length, *at = bytes;
	struct block first, second;
	size_t n;

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name); /* only for display */
	if (!read_header(at, (size_t)(end - at), &first) || at[4] < '2')
		return FAIL(err, -EINVAL, "the data of time zone %s is not TZif version 2", name);
	n = HEADER_BYTES + block_bytes(&first, sizeof(int32_t));
	if (n > (size_t)(end - at) || !read_header(at + n, (size_t)(end - at) - n, &second))
		return FAIL(err, -EINVAL, "the data of time zone %s is cut", name);
	at += n + HEADER_BYTES;
	n = block_bytes(&second, sizeof(int64_t));
	if (n > (size_t)(end - at) || !read_block(at, &second, ret))
		return FAIL(err, -EINVAL, "the data of time zone %s is damaged", name);
	at += n;
	if (end - at >= 2 && at[0] == '\n' && end[-1] == '\n' &&
	    !zone_parse_rule((const char *)at + 1, (size_t)(end - at) - 2, ret) && end - at > 2)
		return FAIL(err, -EINVAL, "the rule of time zone %s is not understood", name);
	return 0;
}

/* ---- finding one ---- */

void zone_fixed(int32_t offset_s, struct zone *ret)
{
	int32_t minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;

	memset(ret, 0, sizeof(*ret));
	ret->has_rule = true;
	ret->standard.offset_s = offset_s;
	if (offset_s == 0)
		(void)snprintf(ret->name, sizeof(ret->name), "UTC");
	else
		(void)snprintf(ret->name, sizeof(ret->name), "UTC%c%02d:%02d",
			       offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
	(void)snprintf(ret->standard.abbreviation, sizeof(ret->standard.abbreviation), "%.*s",
		       ZONE_ABBREVIATION_BYTES - 1, ret->name);
}

/* "+02:00", "-0530", "UTC+2", "GMT-3:30", "Z". False when it is no fixed offset. */
static bool parse_fixed(const char *name, int32_t *ret)
{
	int hours = 0, minutes = 0, digits = 0, sign;

	if (strcasecmp(name, "z") == 0 || strcasecmp(name, "utc") == 0 ||
	    strcasecmp(name, "gmt") == 0) {
		*ret = 0;
		return true;
	}
	if (strncasecmp(name, "utc", 3) == 0 || strncasecmp(name, "gmt", 3) == 0)
		name += 3;
	if (*name != '+' && *name != '-')
		return false;
	sign = *name++ == '-' ? -1 : 1;
	while (isdigit((unsigned char)*name) && digits < 4) {
		hours = hours * 10 + (*name++ - '0');
		digits++;
	}
	if (digits == 0)
		return false;
	if (digits > 2) {
		minutes = hours % 100;
		hours /= 100;
	} else if (name[0] == ':' && isdigit((unsigned char)name[1]) &&
		   isdigit((unsigned char)name[2])) {
		minutes = (name[1] - '0') * 10 + (name[2] - '0');
		name += 3;
	}
	if (*name != '\0' || hours > FIXED_HOURS_MAX || minutes > 59)
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* Splits the third column of zone.tab into names; the text is changed. */
static size_t list_names(char *text, const char *names[NAMES_MAX])
{
	char *line;
	size_t n = 0;

	while ((line = strsep(&text, "\n")) && n < NAMES_MAX) {
		char *field = line;

		if (*line == '#')
			continue;
		for (int i = 0; i < 2 && field; i++)
			(void)strsep(&field, "\t");
		if (field)
			names[n++] = strsep(&field, "\t");
	}
	return n;
}

static const char *city(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/*
 * What is meant by a name that is no file: the same in another case, or the only city of that name
 * (then true and *ret), else the nearest for the message.
 */
static bool find_name(char *table, const char *wanted, const char **ret)
{
	const char *names[NAMES_MAX], *cities[NAMES_MAX], *near;
	size_t n = list_names(table, names), found = 0;

	*ret = NULL;
	for (size_t i = 0; i < n; i++) {
		cities[i] = city(names[i]);
		if (nearest_is_same(names[i], wanted)) {
			*ret = names[i];
			return true;
		}
		if (nearest_is_same(cities[i], wanted)) {
			*ret = names[i];
			found++;
		}
	}
	if (found == 1)
		return true;
	near = nearest_name(city(wanted), cities, n);
	for (size_t i = 0; near && i < n; i++)
		if (cities[i] == near)
			*ret = names[i];
	return false;
}

static bool is_zone_name(const char *name)
{
	size_t n =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/");

	return n > 0 && n < ZONE_NAME_BYTES && name[n] == '\0' && name[0] != '/';
}

static int read_named(int folder_fd, const char *name, struct zone *ret, struct error *err)
{
	auto_buf struct buf bytes = BUF(FILE_BYTES_MAX);
	int r = dir_read(folder_fd, name, &bytes);

	return r < 0 ? r
		     : zone_parse(name, (const unsigned char *)bytes.data, bytes.length, ret, err);
}

int zone_read(const char *name, struct zone *ret, struct error *err)
{
	auto_buf struct buf table = BUF(FILE_BYTES_MAX);
	auto_fd int folder_fd = -1;
	const char *meant = NULL;
	int32_t offset;
	int r;

	if (!name || name[0] == '\0' || parse_fixed(name, &offset)) {
		zone_fixed(name && name[0] != '\0' ? offset : 0, ret);
		return 0;
	}
	folder_fd = dir_open_configured(ZONE_FOLDER, O_RDONLY | O_DIRECTORY, 0);
	if (folder_fd < 0)
		return FAIL(err, -EINVAL,
			    "there is no time zone data on this machine; only UTC and offsets like "
			    "+02:00 are known");
	r = is_zone_name(name) ? read_named(folder_fd, name, ret, err) : -ENOENT;
	if (r >= 0 || r == -EINVAL)
		return r;
	r = dir_read(folder_fd, "zone.tab", &table);
	if (r == 0 && find_name(table.data, name, &meant))
		return read_named(folder_fd, meant, ret, err);
	return FAIL(err, -EINVAL, "there is no time zone \"%.60s\"%s%s%s", name,
		    meant ? ". Did you mean \"" : "; give an IANA name like Europe/Berlin",
		    meant ? meant : "", meant ? "\"?" : "");
}

/* ---- asking it ---- */

const struct zone_type *zone_at(const struct zone *zone, int64_t utc_s)
{
	size_t low = 0, high = zone->n_transitions;

	while (low < high) { /* the number of transitions that are not after utc_s */
		size_t middle = low + (high - low) / 2;

		if (zone->transitions[middle] <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->n_transitions && zone->has_rule)
		return zone_rule_at(zone, utc_s);
	if (low > 0)
		return &zone->types[zone->types_after[low - 1]];
	return zone->n_types > 0 ? &zone->types[0] : &zone->standard;
}

int64_t zone_utc(const struct zone *zone, int64_t local_s, enum zone_note *ret_note)
{
	int32_t before = zone_at(zone, local_s - AROUND_S)->offset_s;
	int32_t after = zone_at(zone, local_s + AROUND_S)->offset_s;
	int64_t early = local_s - before, late = local_s - after;
	bool early_fits = zone_at(zone, early)->offset_s == before;
	bool late_fits = zone_at(zone, late)->offset_s == after;

	*ret_note = ZONE_ONCE;
	if (early_fits && late_fits && early != late) {
		*ret_note = ZONE_TWICE;
		return early < late ? early : late;
	}
	if (early_fits)
		return early;
	if (late_fits)
		return late;
	*ret_note = ZONE_SKIPPED;
	return early;
}
