# SPDX-License-Identifier: Apache-2.0
# One folder is one target. blindbox_folder(NAME DEPS ... LIBS ...) builds blindbox/NAME from its
# *.cc (tests beside the code end in _test.cc and become NAME_test), and checks that its headers
# stand alone. The allowed DEPS are in tools/edges.txt; tools/check compares them with the includes.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(blindbox_options INTERFACE)
target_compile_options(blindbox_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Woverloaded-virtual -Wunused -Werror=return-type -Werror=unused-result
  -fstack-protector-strong -fno-omit-frame-pointer
  -ffunction-sections -fdata-sections)  # so that the static init holds what it uses alone
target_compile_definitions(blindbox_options INTERFACE
  $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2> _GLIBCXX_ASSERTIONS
  SPDLOG_FMT_EXTERNAL)
target_link_options(blindbox_options INTERFACE -Wl,-z,relro,-z,now)
# g++ 12 takes Asio's coroutine frames, which come from a recycling allocator, for mismatched.
target_compile_options(blindbox_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
option(BLINDBOX_WERROR "treat warnings as errors" OFF)
if(BLINDBOX_WERROR)
  # What g++ 12 only guesses after inlining at -O3 is shown and does not fail the build.
  target_compile_options(blindbox_options INTERFACE -Werror $<$<CXX_COMPILER_ID:GNU>:
    -Wno-error=maybe-uninitialized -Wno-error=array-bounds -Wno-error=stringop-overflow -Wno-error=restrict>)
endif()

# Third-party headers are not ours to warn about.
add_library(blindbox_boost INTERFACE)
target_include_directories(blindbox_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(blindbox_boost INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION)

function(blindbox_test target)
  cmake_parse_arguments(T "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${target} ${T_SOURCES})
  target_link_libraries(${target} PRIVATE ${T_LIBS} blindbox_options GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE BLINDBOX_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
endfunction()

function(blindbox_folder name)
  cmake_parse_arguments(F "" "" "DEPS;LIBS;TEST_DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  add_library(blindbox_${name} STATIC ${sources})
  add_library(blindbox::${name} ALIAS blindbox_${name})
  # What lies in internal/ is nobody else's, and what is not installed cannot be included.
  set(internal ${headers})
  list(FILTER internal INCLUDE REGEX "/internal/")
  list(FILTER headers EXCLUDE REGEX "/internal/")
  target_sources(blindbox_${name}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${headers}
    PRIVATE FILE_SET internal TYPE HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${internal})
  target_compile_features(blindbox_${name} PUBLIC cxx_std_20)
  set_target_properties(blindbox_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(blindbox_${name} PUBLIC ${F_LIBS} PRIVATE $<BUILD_INTERFACE:blindbox_options>)
  foreach(dep ${F_DEPS})
    target_link_libraries(blindbox_${name} PUBLIC blindbox_${dep})
  endforeach()
  if(tests AND NOT SKBUILD)
    set(test_libs blindbox_${name})
    foreach(dep ${F_TEST_DEPS})
      list(APPEND test_libs blindbox_${dep})
    endforeach()
    blindbox_test(${name}_test SOURCES ${tests} LIBS ${test_libs})
  endif()
endfunction()
