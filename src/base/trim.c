/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/trim.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE_BLOCK_BYTES = 256 * 1024 };

/* Segments that cannot be written hold nothing but the file's own bytes. */
static int unmap_clean(struct dl_phdr_info *object, size_t size, void *data)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)data;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + segment->p_vaddr;
		uintptr_t end = start + segment->p_memsz;

		if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
			continue;
		start -= start % page;
		end += (page - end % page) % page;
		(void)madvise((void *)start, end - start, MADV_DONTNEED); /* the vdso refuses */
	}
	return 0;
}

void trim_memory(void)
{
	(void)malloc_trim(0);
	(void)dl_iterate_phdr(unmap_clean, NULL);
}

void trim_large_blocks(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE_BLOCK_BYTES);
}
