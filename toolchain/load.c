/* SPDX-License-Identifier: MIT */
/* An image into a machine. */
#include <string.h>
#include "toolchain/link.h"
#include "vliw-model/vm.h"

int tc_load(const struct image *im, struct vm *vm)
{
    uint8_t *p = vm_mem(vm, im->base, im->end - im->base);
    if (!p)
        return -1;
    memcpy(p, im->bytes, im->nbytes);
    memset(p + im->nbytes, 0, im->end - im->base - im->nbytes);
    return 0;
}
