/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

enum { BITS_PER_BYTE = 8 };

struct range {
	unsigned char bytes[16];
	unsigned bits;
	const char *what;
};

static const struct range ranges_4[] = {
	{ { 0 }, 8, "unspecified" },
	{ { 10 }, 8, "private" },
	{ { 100, 64 }, 10, "shared by a carrier" },
	{ { 127 }, 8, "loopback" },
	{ { 169, 254 }, 16, "link-local" }, /* metadata services live here */
	{ { 172, 16 }, 12, "private" },
	{ { 192, 0, 0 }, 24, "special" },
	{ { 192, 0, 2 }, 24, "for documentation" },
	{ { 192, 88, 99 }, 24, "special" },
	{ { 192, 168 }, 16, "private" },
	{ { 198, 18 }, 15, "for benchmarks" },
	{ { 198, 51, 100 }, 24, "for documentation" },
	{ { 203, 0, 113 }, 24, "for documentation" },
	{ { 224 }, 4, "multicast" },
	{ { 240 }, 4, "reserved" },
};

/* Inside 2000::/3, which is all there is of public IPv6. */
static const struct range ranges_6[] = {
	{ { 0x20, 0x01, 0x00 }, 23, "special" }, /* Teredo, ORCHID, benchmarks */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, "for documentation" },
	{ { 0x20, 0x02 }, 16, "6to4, which holds an IPv4 address" },
	{ { 0x3f, 0xff }, 20, "for documentation" },
};
static const struct range public_6 = { { 0x20 }, 3, "public" };

/* Outside of it only the name of what it is depends on these. */
static const struct range names_6[] = {
	{ { 0 }, 127, "unspecified or loopback" },
	{ { [10] = 0xff, [11] = 0xff }, 96, "a mapped IPv4 address" },
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, "NAT64, which holds an IPv4 address" },
	{ { 0xfc }, 7, "private" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xff }, 8, "multicast" },
};

static bool is_in(const struct range *range, const unsigned char *bytes)
{
	unsigned whole = range->bits / BITS_PER_BYTE, rest = range->bits % BITS_PER_BYTE;
	unsigned mask = 0xFFu << (BITS_PER_BYTE - rest) & 0xFFu;

	if (memcmp(range->bytes, bytes, whole) != 0)
		return false;
	return rest == 0 || ((range->bytes[whole] ^ bytes[whole]) & mask) == 0;
}

static const char *find(const struct range *ranges, size_t n, const unsigned char *bytes)
{
	for (size_t i = 0; i < n; i++)
		if (is_in(&ranges[i], bytes))
			return ranges[i].what;
	return NULL;
}

/* The address itself; NULL for another family. */
static const unsigned char *bytes_of(const struct sockaddr *address)
{
	const unsigned char *bytes = (const unsigned char *)address;

	if (address->sa_family == AF_INET)
		return bytes + offsetof(struct sockaddr_in, sin_addr);
	return address->sa_family == AF_INET6 ? bytes + offsetof(struct sockaddr_in6, sin6_addr)
					      : NULL;
}

const char *egress_address_refusal(const struct sockaddr *address)
{
	const unsigned char *bytes = bytes_of(address);
	const char *what;

	if (!bytes)
		return "of another family than IPv4 and IPv6";
	if (address->sa_family == AF_INET)
		return find(ranges_4, sizeof(ranges_4) / sizeof(ranges_4[0]), bytes);
	if (is_in(&public_6, bytes))
		return find(ranges_6, sizeof(ranges_6) / sizeof(ranges_6[0]), bytes);
	what = find(names_6, sizeof(names_6) / sizeof(names_6[0]), bytes);
	return what ? what : "reserved";
}

void egress_address_text(const struct sockaddr *address, char ret[EGRESS_ADDRESS_TEXT_BYTES])
{
	const unsigned char *bytes = bytes_of(address);

	if (!bytes || !inet_ntop(address->sa_family, bytes, ret, EGRESS_ADDRESS_TEXT_BYTES))
		memcpy(ret, "?", 2);
}

bool egress_address_parse(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		storage.ss_family = AF_INET;
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		storage.ss_family = AF_INET6;
	} else {
		return false;
	}
	*ret = storage;
	return true;
}
