# SPDX-License-Identifier: Apache-2.0
# Defines blindbox_llama, llama.cpp as a library: the system's where there is one that is new enough, else static
# libraries that tools/fetch-llama builds once into its cache (docs/decisions/0003-llama-cpp.md). They are always
# optimised, whatever this build's type is, and never instrumented by the sanitizer presets, which judge our code.
set(BLINDBOX_CPU avx2 CACHE STRING "instructions the engine may use: avx2 (any x86-64-v3), zen4 (AMD Genoa and later) or native")
set_property(CACHE BLINDBOX_CPU PROPERTY STRINGS avx2 zen4 native)
option(BLINDBOX_SYSTEM_LLAMA "use the system's llama.cpp where it has one" ON)

function(blindbox_find_llama)
  # The executables link it too; and nothing that an earlier configuration found may outlive a change of options.
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
  foreach(found llama_DIR llama_LIBRARY ggml_DIR)
    unset(${found} CACHE)
  endforeach()
  include(CMakePushCheckState)
  include(CheckCXXSymbolExists)
  if(BLINDBOX_SYSTEM_LLAMA)
    find_package(llama CONFIG QUIET)
    if(llama_FOUND)
      # The interface has no stability promise; this function is the newest that we need.
      cmake_push_check_state(RESET)
      set(CMAKE_REQUIRED_LIBRARIES llama)
      check_cxx_symbol_exists(llama_model_load_from_file_ptr llama.h BLINDBOX_SYSTEM_LLAMA_USABLE)
      cmake_pop_check_state()
      if(NOT BLINDBOX_SYSTEM_LLAMA_USABLE)
        message(FATAL_ERROR "the system's llama.cpp is too old; configure with -DBLINDBOX_SYSTEM_LLAMA=OFF")
      endif()
      message(STATUS "llama.cpp: the system's, ${llama_DIR}")
      return()
    endif()
  endif()
  find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/fetch-llama --cpu ${BLINDBOX_CPU}
            --cc ${CMAKE_C_COMPILER} --cxx ${CMAKE_CXX_COMPILER}
    OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "tools/fetch-llama could not provide llama.cpp; -DBLINDBOX_COMPLETION=OFF builds without it")
  endif()
  find_package(llama CONFIG REQUIRED PATHS ${prefix} NO_DEFAULT_PATH)
  message(STATUS "llama.cpp: ${prefix}")
endfunction()

blindbox_find_llama()
add_library(blindbox_llama INTERFACE)
target_link_libraries(blindbox_llama INTERFACE llama Threads::Threads ${CMAKE_DL_LIBS})
