/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/frame.h"

#include <endian.h>
#include <sys/socket.h>
#include <sys/uio.h>

void frame_header_encode(unsigned char header[FRAME_HEADER_BYTES], enum frame_kind kind,
			 uint32_t length)
{
	uint32_t fields[2] = { htole32(length), htole32((uint32_t)kind) };

	memcpy(header, fields, sizeof(fields));
}

int frame_header_decode(const unsigned char header[FRAME_HEADER_BYTES], enum frame_kind *ret_kind,
			uint32_t *ret_length)
{
	static const struct {
		uint32_t min, max;
	} bounds[] = {
		[FRAME_REQUEST] = { FRAME_REQUEST_BYTES_MIN, FRAME_REQUEST_BYTES_MAX },
		[FRAME_REPLY] = { 2, FRAME_REPLY_BYTES_MAX },
		[FRAME_BODY] = { 1, FRAME_BODY_BYTES_MAX },
	};
	uint32_t fields[2], length, kind;

	memcpy(fields, header, sizeof(fields));
	length = le32toh(fields[0]);
	kind = le32toh(fields[1]);
	if (kind < FRAME_REQUEST || kind > FRAME_BODY || length < bounds[kind].min ||
	    length > bounds[kind].max)
		return -EPROTO;
	*ret_kind = (enum frame_kind)kind;
	*ret_length = length;
	return 0;
}

/* Exactly length bytes; fewer only when the stream ends. */
static ssize_t read_full(int fd, void *to, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = read(fd, (char *)to + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int frame_read(int fd, enum frame_kind *ret_kind, struct buf *payload, enum frame_outcome *ret,
	       struct error *err)
{
	unsigned char header[FRAME_HEADER_BYTES];
	enum frame_kind kind;
	uint32_t length;
	ssize_t n;
	char *at;
	int r;

	n = read_full(fd, header, sizeof(header));
	if (n < 0)
		return FAIL(err, (int)n, "cannot read the stream: %s", strerror((int)-n));
	if (n == 0) {
		*ret = FRAME_END_OF_STREAM;
		return 0;
	}
	if ((size_t)n < sizeof(header))
		return FAIL(err, -EPROTO, "the stream ended inside a frame's header");
	r = frame_header_decode(header, &kind, &length);
	if (r < 0)
		return FAIL(err, r, "a frame with a kind or a length that is not in the contract");
	buf_truncate(payload, 0);
	r = buf_reserve(payload, length, &at);
	if (r < 0)
		return FAIL(err, r, "no room for a frame of %u bytes", length);
	n = read_full(fd, at, length);
	if (n < 0)
		return FAIL(err, (int)n, "cannot read the stream: %s", strerror((int)-n));
	if ((size_t)n < length)
		return FAIL(err, -EPROTO, "the stream ended inside a frame");
	buf_commit(payload, length);
	*ret_kind = kind;
	*ret = FRAME_COMPLETE;
	return 0;
}

int frame_write(int fd, enum frame_kind kind, const void *payload, size_t length)
{
	unsigned char header[FRAME_HEADER_BYTES];
	size_t done = 0, total = sizeof(header) + length;

	frame_header_encode(header, kind, (uint32_t)length);
	while (done < total) {
		size_t head = done < sizeof(header) ? sizeof(header) - done : 0;
		size_t body = done - (sizeof(header) - head);
		struct iovec parts[2] = {
			{ header + done, head },
			/* sendmsg only reads; the type lacks the const */
			{ (char *)(uintptr_t)payload + body, length - body },
		};
		struct msghdr message = { .msg_iov = head > 0 ? parts : parts + 1,
					  .msg_iovlen = head > 0 ? 2 : 1 };
		ssize_t n;

		if (head == 0)
			parts[0].iov_base = header;
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}
