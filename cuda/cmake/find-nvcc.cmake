# FUSOR_NVCC: the compiler, or empty.
find_program(FUSOR_NVCC nvcc HINTS ENV CUDACXX ENV CUDA_PATH /usr/local/cuda/bin PATH_SUFFIXES bin)
if(NOT FUSOR_NVCC)
  set(FUSOR_NVCC "")
endif()
