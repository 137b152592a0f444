#include "base/clock.hpp"

#include "base/prng.hpp"

#include <chrono>
#include <random>

namespace cafka {

namespace {
class machine_clock final : public clock {
public:
  [[nodiscard]] std::int64_t wall_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
  [[nodiscard]] std::int64_t monotonic_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
  }
};
} // namespace

clock& system_clock() {
  static machine_clock instance;
  return instance;
}

prng prng::from_system() {
  std::random_device device;
  return prng((static_cast<std::uint64_t>(device()) << 32) ^ device());
}

} // namespace cafka
