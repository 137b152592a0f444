// The Java .properties format: what Kafka's configuration files are written in.
// Comments (# or !), `key=value`, `key: value` or `key value`, a trailing backslash continues a line, \t \n \r \f \uXXXX escapes, CRLF.
// Source: the documentation of java.util.Properties.load; text is UTF-8 here.
#pragma once
#include "base/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka {

struct property {
  std::string key;
  std::string value;
  int line = 0; // where its first character stands, from 1; 0: not from a file
};

struct properties {
  std::vector<property> entries;     // in file order; of a duplicate only the last remains, as in Java
  std::vector<property> overwritten; // earlier duplicates
};

// bad_argument naming `file` and the line for a malformed \u escape or bytes that are not UTF-8.
result<properties> parse_properties(std::string_view text, std::string_view file);

} // namespace cafka
