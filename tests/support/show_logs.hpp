// The lines that nodes log, in a test. Apart, since CAF's test macros take names that base/log.hpp needs.
#pragma once

namespace cafka::test {

// Of the whole process: all of them, or none.
void show_logs(bool wanted);

} // namespace cafka::test
