#include "support/show_logs.hpp"

#include "base/log.hpp"

namespace cafka::test {

void show_logs(bool wanted) { start_logging(wanted ? log_level::debug : log_level::off); }

} // namespace cafka::test
