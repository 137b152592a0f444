// How a record is written out: by a format string as kcat's, or as JSON.
//
//   %t topic   %p partition   %o offset   %T timestamp (ms)   %h headers, name=value joined by commas
//   %k key     %K its length, -1 for none    %s value   %S its length, -1 for none   %R the same in 4 bytes, big-endian
//   %% a percent sign;  \n \r \t \0 \\ \xHH
#pragma once
#include "client/types.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::cli {

class record_format {
public:
  // bad_argument naming what is wrong and where. `null_text` stands for a missing key, value or header value.
  static result<record_format> parse(std::string_view text, std::string null_text);
  static record_format json();

  void append(std::string& out, const client::record& record) const;

private:
  struct piece {
    char kind = 0; // a letter from the table, or 0: `text`
    std::string text{};
  };
  void append_piece(std::string& out, const piece& one, const client::record& record) const;
  static void append_json(std::string& out, const client::record& record);

  bool json_ = false;
  std::string null_text_;
  std::vector<piece> pieces_;
};

// Resolves the escapes of the table above; bad_argument.
result<std::string> unescape(std::string_view text);

} // namespace cafka::cli
