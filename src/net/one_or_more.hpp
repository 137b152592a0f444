// A vector for what a request has one of as a rule: the first element needs no allocation of its own. Most requests of small producers and of
// consumers that wait at the end of the log name one partition.
#pragma once
#include <boost/container/small_vector.hpp>

namespace cafka::net {

template <class T>
using one_or_more = boost::container::small_vector<T, 1>;

} // namespace cafka::net
