// The raw rows behind base/config/spec.hpp, in the order of the documentation.
#pragma once
#include "base/config/spec.hpp"

namespace cafka {

std::span<const std::span<const key_spec>> key_spec_groups() noexcept;
std::span<const key_spec> cluster_key_specs() noexcept; // the last of them

} // namespace cafka
