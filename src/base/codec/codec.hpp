// The whole field-description mechanism: fields.hpp says how a message is described, the others are what can be done with it.
#pragma once
#include "base/codec/fields.hpp"
#include "base/codec/printer.hpp"
#include "base/codec/reader.hpp"
#include "base/codec/schema.hpp"
#include "base/codec/writer.hpp"
