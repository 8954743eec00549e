// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/import.h"

#include <algorithm>
#include <cmath>

#include "blindbox/base/file.h"
#include "blindbox/model/layout.h"
#include "blindbox/model/numbers.h"
#include "blindbox/model/tokenizer.h"

namespace blindbox::model {
namespace {

using base::fail;

constexpr std::size_t kConfigCap = std::size_t{8} << 20;
constexpr std::uint64_t kPieceValues = std::uint64_t{1} << 20;    // held at once, and a row at least
constexpr std::uint64_t kMaxTransposed = std::uint64_t{1} << 29;  // values of a tensor that is turned in memory
constexpr std::uint32_t kQuantizationVersion = 2;                 // GGML_QNT_VERSION

// Rows of a head from two halves to pairs: 0 and d/2 first, then 1 and d/2 + 1.
void interleave(std::span<float> rows, std::uint64_t head, std::uint64_t columns, std::vector<float>& scratch) {
  scratch.assign(rows.begin(), rows.end());
  const std::uint64_t heads = rows.size() / (head * columns);
  for (std::uint64_t h = 0; h < heads; ++h) {
    for (std::uint64_t row = 0; row < head; ++row) {
      const std::uint64_t from = h * head + (row % 2) * (head / 2) + row / 2;
      std::copy_n(scratch.begin() + static_cast<std::ptrdiff_t>(from * columns), columns,
                  rows.begin() + static_cast<std::ptrdiff_t>((h * head + row) * columns));
    }
  }
}

class Writer {
 public:
  Writer(const Checkpoint& checkpoint, const Encoder& encoder, const ImportOptions& options, GgufWriter& out,
         std::uint64_t total)
      : checkpoint_(checkpoint), encoder_(encoder), options_(options), out_(out), total_(total) {}

  Result<void> write(const PlannedTensor& tensor, std::uint32_t type) {
    if (!tensor.values.empty()) return put(tensor, tensor.values, type);
    if (tensor.dimensions == 1) return write_vector(tensor, type);
    for (const Piece& piece : tensor.pieces) {
      auto done = tensor.transposed ? write_transposed(tensor, piece, type) : write_rows(tensor, piece, type);
      if (!done) return done;
    }
    return {};
  }

 private:
  // A vector is one row, its pieces side by side.
  Result<void> write_vector(const PlannedTensor& tensor, std::uint32_t type) {
    std::vector<float> values;
    for (const Piece& piece : tensor.pieces) {
      auto part = load(*piece.source, piece.first, piece.rows);
      if (!part) return base::pass_on(part);
      values.insert(values.end(), part->begin(), part->end());
    }
    if (tensor.rotary_head != 0) interleave(values, tensor.rotary_head, 1, scratch_);
    return put(tensor, values, type);
  }

  Result<void> write_rows(const PlannedTensor& tensor, const Piece& piece, std::uint32_t type) {
    const std::uint64_t unit = std::max<std::uint64_t>(tensor.rotary_head, 1);
    const std::uint64_t step = std::max<std::uint64_t>(kPieceValues / (tensor.columns * unit), 1) * unit;
    for (std::uint64_t row = 0; row < piece.rows; row += step) {
      const std::uint64_t count = std::min(step, piece.rows - row);
      auto values = load(*piece.source, (piece.first + row) * tensor.columns, count * tensor.columns);
      if (!values) return base::pass_on(values);
      if (tensor.rotary_head != 0) interleave(*values, tensor.rotary_head, tensor.columns, scratch_);
      if (auto done = put(tensor, *values, type); !done) return done;
    }
    return {};
  }

  Result<void> write_transposed(const PlannedTensor& tensor, const Piece& piece, std::uint32_t type) {
    if (piece.rows * tensor.columns > kMaxTransposed) {
      return fail(ErrorKind::limit, "a transposed tensor is too large", fetch::shown(piece.source->name));
    }
    auto values = load(*piece.source, 0, piece.rows * tensor.columns);
    if (!values) return base::pass_on(values);
    std::vector<float> turned(values->size());
    for (std::uint64_t column = 0; column < tensor.columns; ++column) {
      for (std::uint64_t row = 0; row < piece.rows; ++row) {
        turned[row * tensor.columns + column] = (*values)[column * piece.rows + row];
      }
    }
    return put(tensor, turned, type);
  }

  Result<std::vector<float>> load(const SafeTensor& source, std::uint64_t first, std::uint64_t count) {
    const std::uint64_t width = width_of(source.dtype);
    raw_.resize(static_cast<std::size_t>(count * width));
    if (auto read = checkpoint_.read(source, first * width, raw_); !read) return base::pass_on(read);
    std::vector<float> out(static_cast<std::size_t>(count));
    decode(source.dtype, raw_, out);
    if (!std::all_of(out.begin(), out.end(), [](float value) { return std::isfinite(value); })) {
      return fail(ErrorKind::malformed, "a tensor holds values that are no numbers", fetch::shown(source.name));
    }
    return out;
  }

  Result<void> put(const PlannedTensor& tensor, std::span<const float> values, std::uint32_t type) {
    if (options_.stop.stop_requested()) return fail(ErrorKind::cancelled, "the import was interrupted");
    const std::uint64_t rows = values.size() / tensor.columns;
    encoded_.resize(static_cast<std::size_t>(rows * encoder_.row_bytes(type, tensor.columns)));
    auto encoded = encoder_.encode(type, values, tensor.columns, encoded_);
    if (!encoded) {
      encoded.error().detail = tensor.name + (encoded.error().detail.empty() ? "" : ": " + encoded.error().detail);
      return encoded;
    }
    if (auto done = out_.append(encoded_); !done) return done;
    done_ += encoded_.size();
    if (options_.progress) options_.progress(done_, total_);
    return {};
  }

  const Checkpoint& checkpoint_;
  const Encoder& encoder_;
  const ImportOptions& options_;
  GgufWriter& out_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  Bytes raw_, encoded_;
  std::vector<float> scratch_;
};

Result<Config> load_config(const std::string& folder) {
  const std::string path = folder + "/config.json";
  auto text = base::read_file(path, kConfigCap);
  if (!text) {
    return fail(ErrorKind::model, "there is no model in " + folder, text.error().what,
                "name a folder with config.json, tokenizer.json and model.safetensors");
  }
  auto json = fetch::parse_json(*text, kConfigCap, path);
  if (!json) return base::pass_on(json);
  return read_config(*json);
}

GgufMetadata metadata_of(const Config& config, const Tokenizer& tokenizer, const Encoder& encoder,
                         const std::string& name) {
  GgufMetadata out;
  out.text("general.architecture", config.architecture);
  out.text("general.type", "model");
  out.text("general.name", name);
  out.u32("general.file_type", encoder.file_type());
  out.u32("general.quantization_version", kQuantizationVersion);
  describe(config, out);
  describe(tokenizer, out);
  return out;
}

}  // namespace

Result<Imported> import_model(const ImportOptions& options, const Encoder& encoder) {
  auto config = load_config(options.folder);
  if (!config) return base::pass_on(config);
  auto checkpoint = Checkpoint::open(options.folder);
  if (!checkpoint) return base::pass_on(checkpoint);
  auto plan = plan_tensors(*config, *checkpoint);
  if (!plan) return base::pass_on(plan);
  auto files = load_tokenizer_files(options.folder);
  if (!files) return base::pass_on(files);
  auto tokenizer = read_tokenizer(*files, config->vocabulary);
  if (!tokenizer) return base::pass_on(tokenizer);

  const ModelShape shape{config->architecture, config->layers, config->heads, config->kv_heads, config->tied};
  Imported out{.architecture = config->architecture, .notes = tokenizer->notes};
  std::vector<GgufTensorPlace> places;
  std::uint64_t total = 0;
  for (const PlannedTensor& tensor : *plan) {
    GgufTensorPlace place{.name = tensor.name, .shape = {tensor.columns}};
    if (tensor.dimensions == 2) place.shape.push_back(tensor.rows);
    place.type = encoder.type_of(shape, tensor.name, tensor.dimensions, tensor.columns);
    place.bytes = tensor.rows * encoder.row_bytes(place.type, tensor.columns);
    total += place.bytes;
    out.parameters += tensor.rows * tensor.columns;
    places.push_back(std::move(place));
  }
  auto file = GgufWriter::create(options.output, metadata_of(*config, *tokenizer, encoder, options.name), places);
  if (!file) return base::pass_on(file);
  Writer writer(*checkpoint, encoder, options, *file, total);
  for (std::size_t i = 0; i < plan->size(); ++i) {
    if (auto done = writer.write((*plan)[i], places[i].type); !done) return base::pass_on(done);
  }
  auto written = file->finish();
  if (!written) return base::pass_on(written);
  out.bytes = written->bytes;
  out.sha256 = written->sha256;
  return out;
}

}  // namespace blindbox::model
