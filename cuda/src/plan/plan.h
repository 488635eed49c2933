// The plan level of this backend: the functions of fusor_backend that build, describe and run plans.
#pragma once

#include "fusor/backend.h"

namespace fusor::cuda {

fusor_status plan_build(fusor_backend_stream* stream, const fusor_graph* graph,
                        const fusor_plan_options* options, fusor_backend_plan** plan);
void plan_destroy(fusor_backend_plan* plan);
fusor_status plan_info(const fusor_backend_plan* plan, fusor_plan_info* info);
fusor_status plan_buffer(const fusor_backend_plan* plan, int32_t index, fusor_plan_buffer* buffer);
fusor_status plan_step(const fusor_backend_plan* plan, int32_t index, fusor_plan_step* step);
fusor_status plan_begin(fusor_backend_plan* plan, fusor_backend_stream* stream,
                        const fusor_plan_memory* memory, int32_t* replayed);
fusor_status plan_run_step(fusor_backend_plan* plan, fusor_backend_stream* stream, int32_t step,
                           const fusor_plan_memory* memory);
fusor_status plan_end(fusor_backend_plan* plan, fusor_backend_stream* stream);
fusor_status plan_time(fusor_backend_plan* plan, fusor_backend_stream* stream,
                       const fusor_plan_memory* memory, double* seconds);

}  // namespace fusor::cuda
