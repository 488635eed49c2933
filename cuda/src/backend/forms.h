// The forms in which ops take their inputs (op_table.h): whether a buffer is in one, and what it looks like
// brought into it.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

/** Whether the geometry is what the form asks for. Says nothing about alignment: see is_aligned. */
bool has_form(const fusor_buffer& buffer, InputForm form);
/** The first element at a multiple of 16 bytes. Buffers without data count by their offset. */
bool is_aligned(const fusor_buffer& buffer);
/** The geometry of a copy in this form, from the start of memory of its own: `data` is null, `byte_size` set.
 */
fusor_buffer copy_in_form(const fusor_buffer& buffer, InputForm form);

/** Calls entry.prepare with the geometry that inputs have once they are in its form; outputs become row-major
 * first. */
Status prepare(const OpEntry& entry, const fusor_op_call& call);

}  // namespace fusor::cuda
