// SPDX-License-Identifier: Apache-2.0
#include "blindbox/wrap/wrap.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "blindbox/base/file.h"
#include "blindbox/wrap/inspect.h"

namespace blindbox::wrap {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The head of a static program, and nothing that runs.
Bytes program(std::uint16_t machine = EM_X86_64, std::uint32_t part = PT_LOAD) {
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_machine = machine;
  head.e_entry = 0x400000;
  head.e_phoff = sizeof head;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 1;
  Elf64_Phdr load{};
  load.p_type = part;
  Bytes out(sizeof head + sizeof load);
  std::memcpy(out.data(), &head, sizeof head);
  std::memcpy(out.data() + sizeof head, &load, sizeof load);
  return out;
}

image::Image original(const json& config, const std::string& architecture = "amd64") {
  const std::string layer = "a layer";
  const auto digest = image::Digest::of(base::view(layer));
  const json root = {{"architecture", architecture},
                     {"os", "linux"},
                     {"created", "2023-04-01T00:00:00Z"},
                     {"config", config},
                     {"rootfs", {{"type", "layers"}, {"diff_ids", {digest.text()}}}},
                     {"history", {{{"created_by", "somebody"}}}},
                     {"somebody.else/key", 7}};
  return image::assemble(root.dump(),
                         {{{std::string(image::kOciLayer), digest, layer.size()}, digest, image::Compression::none}})
      .value();
}

const json kServer = {{"Entrypoint", {"/bin/server"}},
                      {"Cmd", {"--port", "8000"}},
                      {"Env", {"PATH=/bin", "A=1", "A=2"}},
                      {"User", "nobody"},
                      {"WorkingDir", "/srv/"},
                      {"StopSignal", "quit"},
                      {"ExposedPorts", {{"8000/tcp", json::object()}, {"53/udp", json::object()}}},
                      {"Volumes", {{"/data", json::object()}}},
                      {"Labels", {{"who", "me"}}},
                      {"Healthcheck", {{"Test", {"CMD", "true"}}}}};

specification::Specification settings(std::string_view yaml = "platform: azure-aci\n") {
  return specification::parse_yaml(yaml, "blindbox.yml").value();
}

Wrapped wrapped(const json& config = kServer) {
  auto out = wrap(original(config), "example.org/app:1", settings(), program(), "1.2.3");
  EXPECT_TRUE(out) << (out ? "" : base::to_string(out.error()));
  return *std::move(out);
}

Error refusal(const image::Image& image, std::string_view yaml = "platform: azure-aci\n",
              const Bytes& init = program()) {
  const auto out = wrap(image, "app", settings(yaml), init, "1.2.3");
  EXPECT_FALSE(out);
  return out ? Error{} : out.error();
}

TEST(Wrap, what_the_image_said_moves_into_the_specification) {
  const Wrapped out = wrapped();
  EXPECT_THAT(out.specification.application.command, ElementsAre("/bin/server", "--port", "8000"));
  EXPECT_THAT(out.specification.application.environment, ElementsAre("PATH=/bin", "A=2"));
  EXPECT_EQ(out.specification.application.user, "nobody");
  EXPECT_EQ(out.specification.application.working_directory, "/srv");
  EXPECT_EQ(out.specification.application.stop_signal, "SIGQUIT");
  EXPECT_EQ(out.specification.port, 8000);
  EXPECT_THAT(out.notes, ElementsAre(HasSubstr("/data")));
}

TEST(Wrap, blindbox_init_is_all_that_the_image_starts) {
  const json config = json::parse(wrapped().image.config_json);
  EXPECT_EQ(config["config"]["Entrypoint"], json::array({"/.blindbox/init"}));
  EXPECT_EQ(config["config"]["Env"], json::array());
  EXPECT_EQ(config["config"]["ExposedPorts"], json({{"8443/tcp", json::object()}}));
  for (const char* const gone : {"Cmd", "User", "Healthcheck", "Volumes", "StopSignal"}) {
    EXPECT_FALSE(config["config"].contains(gone)) << gone;
  }
  EXPECT_EQ(config["config"]["Labels"]["who"], "me");
  EXPECT_EQ(config["config"]["Labels"]["org.opencontainers.image.base.name"], "example.org/app:1");
  EXPECT_EQ(config["somebody.else/key"], 7);
  EXPECT_EQ(config["created"], "2023-04-01T00:00:00Z");
  EXPECT_EQ(config["history"].size(), 2U);
  EXPECT_EQ(config["rootfs"]["diff_ids"].size(), 2U);
}

TEST(Wrap, the_same_inputs_give_the_same_digest) {
  EXPECT_EQ(wrapped().image.digest, wrapped().image.digest);
  json other = kServer;
  other["Cmd"][1] = "8001";
  EXPECT_NE(wrapped().image.digest, wrapped(other).image.digest);
}

TEST(Wrap, the_layer_hides_what_the_image_had_in_its_place) {
  const std::string layer = make_layer(program(), "{}").value();
  EXPECT_EQ(layer.size() % 512, 0U);
  EXPECT_THAT(layer, HasSubstr(".blindbox/.wh..wh..opq"));
}

TEST(Wrap, what_tar_makes_of_the_layer) {
  const std::string folder = ::testing::TempDir() + "/wrap-" + std::to_string(::getpid());
  ASSERT_TRUE(base::write_file(folder + ".tar", base::view(make_layer(program(), "{}").value())));
  FILE* const listing = ::popen(("tar --utc --full-time -tvf " + folder + ".tar").c_str(), "r");
  ASSERT_NE(listing, nullptr);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), listing));
  EXPECT_EQ(::pclose(listing), 0);
  ::unlink((folder + ".tar").c_str());
  EXPECT_THAT(text, HasSubstr("drwxr-xr-x 0/0               0 1970-01-01 00:00:00 .blindbox/\n"));
  EXPECT_THAT(text, HasSubstr("-r-xr-xr-x 0/0             120 1970-01-01 00:00:00 .blindbox/init\n"));
  EXPECT_THAT(text, HasSubstr("-r--r--r-- 0/0               2 1970-01-01 00:00:00 .blindbox/specification.json\n"));
}

TEST(Wrap, ports) {
  json none = kServer;
  none.erase("ExposedPorts");
  EXPECT_EQ(wrapped(none).specification.port, 80) << "BlindBox of 2023";
  json two = kServer;
  two["ExposedPorts"]["9000"] = json::object();
  const Error error = refusal(original(two));
  EXPECT_EQ(error.kind, ErrorKind::usage);
  EXPECT_THAT(error.what, HasSubstr("8000, 9000"));
  const auto chosen = wrap(original(two), "app", settings("platform: azure-aci\nport: 9000\n"), program(), "1");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->specification.port, 9000);
}

TEST(Wrap, refused_images) {
  EXPECT_THAT(refusal(original(json::object())).what, HasSubstr("nothing to run"));
  EXPECT_THAT(refusal(original(kServer, "arm64")).what, HasSubstr("another platform"));
  EXPECT_THAT(refusal(wrapped().image).what, HasSubstr("wrapped already"));
  json odd = kServer;
  odd["WorkingDir"] = "/srv/../etc";
  EXPECT_THAT(refusal(original(odd)).detail, HasSubstr("working directory"));
}

TEST(Wrap, what_docker_takes_besides) {
  json odd = kServer;
  odd["WorkingDir"] = "srv";
  odd["Env"] = {"UNSET", "A=1"};
  const Wrapped out = wrapped(odd);
  EXPECT_EQ(out.specification.application.working_directory, "/srv");
  EXPECT_THAT(out.specification.application.environment, ElementsAre("A=1"));
}

TEST(Wrap, only_a_static_program_is_an_init) {
  EXPECT_THAT(refusal(original(kServer), "platform: azure-aci\n", program(EM_X86_64, PT_INTERP)).what,
              HasSubstr("dynamically"));
  EXPECT_THAT(refusal(original(kServer), "platform: azure-aci\n", {}).what, HasSubstr("too short"));
  EXPECT_THAT(refusal(original(kServer), "platform: azure-aci\n", Bytes(4096)).what, HasSubstr("no 64-bit ELF"));
  Bytes cut = program();
  cut.resize(cut.size() - 1);
  EXPECT_THAT(refusal(original(kServer), "platform: azure-aci\n", cut).what, HasSubstr("cut off"));
  EXPECT_THAT(refusal(original(kServer), "platform: azure-aci\n", program(EM_RISCV)).what, HasSubstr("another kind"));
  EXPECT_EQ(architecture_of(program(EM_AARCH64)).value(), "arm64");
}

// A source that holds one layer.
class OneLayer final : public image::Source {
 public:
  explicit OneLayer(std::string layer) : layer_(std::move(layer)) {}
  Result<std::string> manifest(const std::optional<image::Digest>&) override {
    return base::fail(ErrorKind::io, "none");
  }
  Result<image::Blob> blob(const image::Descriptor&, const image::Progress&) override {
    return image::blob_of(base::view(layer_));
  }

 private:
  std::string layer_;
};

std::string zstd(const std::string& bytes) {
  std::string out(::ZSTD_compressBound(bytes.size()), '\0');
  out.resize(::ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

TEST(Inspect, reads_back_what_was_wrapped) {
  const Wrapped made = wrapped();
  OneLayer source(made.layer);
  const auto found = inspect(source, made.image);
  ASSERT_TRUE(found) << base::to_string(found.error());
  EXPECT_EQ(found->specification, made.specification);
  EXPECT_EQ(found->specification_sha256, base::sha256(base::view(specification::encode(made.specification))));
  EXPECT_EQ(found->init_sha256, base::sha256(program()));
  EXPECT_EQ(found->version, "1.2.3");
  EXPECT_EQ(found->base_name, "example.org/app:1");
  EXPECT_EQ(found->base_digest, original(kServer).digest.text());
}

TEST(Inspect, believes_no_layer_that_build_would_not_have_made) {
  const Wrapped made = wrapped();
  OneLayer other(make_layer(program(), "{}").value());
  EXPECT_THAT(inspect(other, made.image).error().what, HasSubstr("another digest"));
  OneLayer unwrapped("a layer");
  EXPECT_EQ(inspect(unwrapped, original(kServer)).error().kind, ErrorKind::usage);
}

// As docker, skopeo and buildah push them.
TEST(Inspect, a_compressed_layer_is_the_layer) {
  const Wrapped made = wrapped();
  const auto as = [&made](const std::string& layer) {
    image::Image image = made.image;
    image.layers.back().blob.size = layer.size();
    image.layers.back().blob.digest = image::Digest::of(base::view(layer));
    OneLayer source(layer);
    return inspect(source, image);
  };
  const auto found = as(zstd(made.layer));
  ASSERT_TRUE(found) << base::to_string(found.error());
  EXPECT_EQ(found->init_sha256, base::sha256(program()));
  EXPECT_THAT(as(zstd(make_layer(program(), "{}").value())).error().what, HasSubstr("another one than"));
  EXPECT_EQ(as(zstd(std::string(std::size_t{33} << 20, '\0'))).error().kind, ErrorKind::limit);
  std::string cut = zstd(made.layer);
  cut.pop_back();
  EXPECT_EQ(as(cut).error().kind, ErrorKind::malformed);
}

TEST(Inspect, a_layer_with_something_more_is_refused) {
  const Wrapped made = wrapped();
  std::string layer = made.layer;
  layer.append(512, '\0');
  image::Image image = made.image;
  image.layers.back().blob.size = layer.size();
  image.layers.back().blob.digest = image.layers.back().diff_id = image::Digest::of(base::view(layer));
  OneLayer source(layer);
  EXPECT_THAT(inspect(source, image).error().what, HasSubstr("something else"));
}

}  // namespace
}  // namespace blindbox::wrap
