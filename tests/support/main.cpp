// The common main of all test programs; tests/<folder>/main.cpp replaces it where a folder needs more.
#define CAF_TEST_NO_MAIN
#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>
#include <caf/test/unit_test_impl.hpp>
#include <csignal>

#if defined(CAFKA_TEST_ACTORS) && __has_include("actors/messages.hpp")
#  include "actors/messages.hpp"
#  define CAFKA_OWN_MESSAGES
#endif

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN); // as in the program: a closed pipe is an error where it is written to
  caf::core::init_global_meta_objects();
  caf::io::middleman::init_global_meta_objects();
#ifdef CAFKA_OWN_MESSAGES
  caf::init_global_meta_objects<caf::id_block::cafka>();
#endif
  return caf::test::main(argc, argv);
}
