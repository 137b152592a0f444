// Prints the schemas of all metadata and control records as JSON, for the compatibility suite to hold against Kafka's own definitions.
#include "election/control_records.hpp"
#include "metadata/records.hpp"

#include <cstdio>

using namespace cafka;

int main() {
  auto text = metadata::record_schemas_json();
  text.pop_back(); // the closing bracket
  for (const auto& schema : {codec::schema_of<election::leader_change_message>(), codec::schema_of<election::snapshot_header_record>(),
                             codec::schema_of<election::snapshot_footer_record>(), codec::schema_of<election::kraft_version_record>(),
                             codec::schema_of<election::voters_record>()})
    text += ",\n" + codec::to_json(schema);
  std::puts((text + ']').c_str());
}
