/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/array.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 8 };

int array_grow(void **array, size_t *capacity, size_t n, size_t element_bytes, size_t max)
{
	size_t more = *capacity ? *capacity * 2 : FIRST_CAPACITY;
	void *grown;

	if (n < *capacity)
		return 0;
	if (n >= max)
		return -EMSGSIZE;
	grown = reallocarray(*array, more, element_bytes);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = more;
	return 0;
}
