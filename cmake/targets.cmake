# One target per folder of src/. A folder without .cpp files is a header-only target until it gets one, so each folder can
# be filled on its own. New files need no edit here: the globs are checked at every build.

# cafka_library(<name> [SOURCES <globs relative to the folder>] [PUBLIC <targets>] [PRIVATE <targets>]
#               [PCH <headers>] [PCH_FROM <target whose precompiled header serves here too>])
function(cafka_library name)
  cmake_parse_arguments(arg "" "PCH_FROM" "SOURCES;PUBLIC;PRIVATE;PCH" ${ARGN})
  if(arg_SOURCES)
    list(TRANSFORM arg_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    file(GLOB sources CONFIGURE_DEPENDS ${arg_SOURCES})
  else()
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/asio_impl\\.cpp$") # of target asio
  endif()
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:include> $<INSTALL_INTERFACE:include/cafka>)
    target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
    target_compile_features(${name} PUBLIC cxx_std_20) # for those who link the installed library
    set_target_properties(${name} PROPERTIES OUTPUT_NAME cafka_${name})
    if(CAFKA_PCH AND arg_PCH)
      target_precompile_headers(${name} PRIVATE ${arg_PCH})
    elseif(CAFKA_PCH AND arg_PCH_FROM)
      target_precompile_headers(${name} REUSE_FROM ${arg_PCH_FROM})
    endif()
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:include> $<INSTALL_INTERFACE:include/cafka>)
    target_link_libraries(${name} INTERFACE ${arg_PUBLIC} ${arg_PRIVATE})
  endif()
endfunction()

# cafka_executables(<prefix> <folder> <targets to link>...): each .cpp of the folder is a program of its own
function(cafka_executables prefix folder)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  foreach(source IN LISTS sources)
    get_filename_component(stem ${source} NAME_WE)
    add_executable(${prefix}${stem} ${source})
    target_link_libraries(${prefix}${stem} PRIVATE ${ARGN})
  endforeach()
endfunction()

# cafka_suites(<folder> <targets to link>...): tests/<folder>/*_test.cpp become the program <folder>_test ("/" turns "_"), and each file one
# test of ctest, whose name is the file's stem without _test and must be that file's CAF_SUITE. Other .cpp files there are shared by the
# folder's tests.
function(cafka_suites folder)
  set(directory ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${directory}/*.cpp)
  set(suites ${sources})
  list(FILTER suites INCLUDE REGEX "_test\\.cpp$")
  if(NOT suites)
    return()
  endif()
  string(REPLACE "/" "_" name ${folder})
  set(program ${name}_test)
  add_executable(${program} ${sources})
  add_dependencies(tests ${program})
  if(folder MATCHES "actors$")
    target_link_libraries(${program} PRIVATE ${ARGN} test_support test_main_actors) # registers our message types
  else()
    target_link_libraries(${program} PRIVATE ${ARGN} test_support test_main)
  endif()
  if(CAFKA_PCH)
    target_precompile_headers(${program} REUSE_FROM test_precompiled)
  endif()
  foreach(source IN LISTS suites)
    get_filename_component(stem ${source} NAME_WE)
    string(REGEX REPLACE "_test$" "" suite ${stem})
    add_test(NAME ${name}.${suite} COMMAND ${program} -n -r 170 -v 3 -s "^${suite}$")
    # a filter that matches no suite would pass by the exit code alone
    set_tests_properties(${name}.${suite} PROPERTIES TIMEOUT 180 LABELS ${name}
      PASS_REGULAR_EXPRESSION "suites:  1" FAIL_REGULAR_EXPRESSION "failed tests;Sanitizer:;runtime error:")
  endforeach()
endfunction()

# cafka_fuzz_targets(<folder> <targets to link>...): each .cpp defines LLVMFuzzerTestOneInput; program fuzz_<stem>
function(cafka_fuzz_targets folder)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  foreach(source IN LISTS sources)
    get_filename_component(stem ${source} NAME_WE)
    add_executable(fuzz_${stem} ${source})
    target_link_libraries(fuzz_${stem} PRIVATE ${ARGN})
    target_link_options(fuzz_${stem} PRIVATE -fsanitize=fuzzer)
    set_target_properties(fuzz_${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  endforeach()
endfunction()
