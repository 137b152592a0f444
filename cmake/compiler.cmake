# Compiler, warnings, sanitizers, linker and compiler cache, for every target alike.
option(CAFKA_TESTS "build the tests" ON)
option(CAFKA_BENCH "build benchmarks and examples" OFF)
option(CAFKA_FUZZ "build the libFuzzer targets (clang)" OFF)
option(CAFKA_PCH "precompiled headers" ON)
set(CAFKA_SANITIZE "" CACHE STRING "empty, address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-march=x86-64-v2)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these in correct uses of its own <string> and <vector> once it inlines them
  add_compile_options(-Wno-restrict -Wno-error=maybe-uninitialized -Wno-error=array-bounds -Wno-error=stringop-overflow
                      -Wno-error=stringop-overread -Wno-error=dangling-pointer)
endif()

if(CAFKA_SANITIZE)
  add_compile_options(-fsanitize=${CAFKA_SANITIZE})
  add_link_options(-fsanitize=${CAFKA_SANITIZE})
  if(CAFKA_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized -Wno-mismatched-new-delete)
  endif()
  if(CAFKA_SANITIZE STREQUAL "thread")
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK BOOST_ASIO_DISABLE_STD_ATOMIC) # TSan does not model atomic_thread_fence
  endif()
endif()
if(CAFKA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CAFKA_MOLD mold)
if(CAFKA_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(CAFKA_CCACHE ccache)
if(CAFKA_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  # a second checkout, and precompiled headers, hit too
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CAFKA_CCACHE})
endif()
if(CAFKA_PCH AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess) # lets the compiler cache see what a precompiled header holds
elseif(CAFKA_PCH AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp") # likewise
endif()
