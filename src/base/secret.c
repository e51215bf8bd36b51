/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct secret {
	size_t mapped;
	char bytes[];
};

/* Pages of their own: what else would share one could be dumped or swapped with it. */
static struct secret *map_pages(struct error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t wanted = sizeof(struct secret) + SECRET_BYTES_MAX + 1;
	size_t mapped = (wanted + page - 1) / page * page;
	struct secret *secret =
		mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (secret == MAP_FAILED) {
		(void)FAIL(err, -errno, "no memory for a secret: %s", strerror(errno));
		return NULL;
	}
	if (mlock(secret, mapped) < 0 || madvise(secret, mapped, MADV_DONTDUMP) < 0 ||
	    madvise(secret, mapped, MADV_WIPEONFORK) < 0) {
		(void)FAIL(err, -errno, "memory for a secret cannot be locked: %s",
			   strerror(errno));
		(void)munmap(secret, mapped);
		return NULL;
	}
	secret->mapped = mapped;
	return secret;
}

void secret_free(struct secret *secret)
{
	size_t mapped;

	if (!secret)
		return;
	mapped = secret->mapped;
	explicit_bzero(secret, mapped);
	(void)munmap(secret, mapped); /* cannot fail for a mapping of ours */
}

static int read_bytes(int fd, char *at, size_t max, size_t *ret, struct error *err)
{
	size_t n = 0;

	while (n <= max) {
		ssize_t got = pread(fd, at + n, max + 1 - n, (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return FAIL(err, -errno, "the secret cannot be read: %s", strerror(errno));
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n > max)
		return FAIL(err, -EMSGSIZE, "the secret is longer than %zu bytes", max);
	*ret = n;
	return 0;
}

/* One line: exact grammar, nothing is skipped or guessed. */
static int check_line(char *line, size_t n, struct error *err)
{
	if (n > 0 && line[n - 1] == '\n')
		n--;
	line[n] = '\0';
	if (n == 0)
		return FAIL(err, -EINVAL, "the secret is empty");
	for (size_t i = 0; i < n; i++)
		if (line[i] <= ' ' || line[i] == 0x7F)
			return FAIL(
				err, -EINVAL,
				"the secret holds a blank, a control character or a byte that is "
				"not ASCII (at %zu)",
				i + 1);
	return 0;
}

int secret_read(int fd, const char *prefix, struct secret **ret, struct error *err)
{
	CLEANUP(secret_free_ptr) struct secret *secret = map_pages(err);
	size_t front = prefix ? strlen(prefix) : 0, n = 0;
	int r;

	if (!secret)
		return err ? err->code : -ENOMEM;
	if (front >= SECRET_BYTES_MAX)
		return FAIL(err, -EMSGSIZE, "the secret's prefix is too long");
	if (prefix)
		memcpy(secret->bytes, prefix, front);
	r = read_bytes(fd, secret->bytes + front, SECRET_BYTES_MAX - front, &n, err);
	if (r >= 0)
		r = check_line(secret->bytes + front, n, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(secret);
	return 0;
}

char *secret_expose(struct secret *secret)
{
	return secret->bytes;
}
