// The main of all test programs.
#define CAF_TEST_NO_MAIN
#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>
#include <caf/test/unit_test_impl.hpp>
#include <csignal>

#ifdef CAFKA_TEST_ACTORS
#  include "actors/messages.hpp"
#endif

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN); // as in the program: a closed pipe is an error where it is written to
  caf::core::init_global_meta_objects();
  caf::io::middleman::init_global_meta_objects();
#ifdef CAFKA_TEST_ACTORS
  caf::init_global_meta_objects<caf::id_block::cafka_wire>();
  caf::init_global_meta_objects<caf::id_block::cafka>();
#endif
  return caf::test::main(argc, argv);
}
