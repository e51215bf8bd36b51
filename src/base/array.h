/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * array - room for one more element in an array that has a maximum.
 *
 * Ownership  The array is the caller's; free() releases it.
 * Errors     -ENOMEM; -EMSGSIZE when it holds max elements already.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

must_check int array_grow(void **array, size_t *capacity, size_t n, size_t element_bytes,
			  size_t max);

/* array, n and capacity are lvalues: ARRAY_ROOM(list->rows, list->n_rows, list->capacity, MAX). */
#define ARRAY_ROOM(array, n, capacity, max) \
	({ \
		void *array_ = (void *)(array); \
		int room_ = array_grow(&array_, &(capacity), (n), sizeof(*(array)), (max)); \
		(array) = (__typeof__(array))array_; \
		room_; \
	})
