// TorchScript modules: the field's own feature networks, as their authors publish them.
#include "internal.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

struct ct_script {
    torch::jit::Module module;
};

namespace {

at::Tensor firstTensor(const c10::IValue &value) {
    if (value.isTensor()) return value.toTensor();
    if (value.isTuple()) return firstTensor(value.toTuple()->elements().at(0));
    if (value.isList()) return firstTensor(value.toListRef().at(0));
    TORCH_CHECK(false, "the network returns ", value.tagKind(), ", no tensor");
}

} // namespace

ct_status ct_script_load(const char *path, ct_device device, ct_script **out) {
    return ct::guarded([&] {
        auto module = torch::jit::load(path, ct::device(device));
        module.eval();
        *out = new ct_script{std::move(module)};
    });
}

void ct_script_free(ct_script *script) { delete script; }

bool ct_script_has_argument(const ct_script *script, const char *name) {
    try {
        auto forward = script->module.find_method("forward");
        return forward && forward->function().getSchema().argumentIndexWithName(name).has_value();
    } catch (...) {
        return false;
    }
}

ct_status ct_script_run(
    ct_script *script, const ct_tensor *const *inputs, int32_t count, const char *const *names, const bool *flags,
    int32_t flagCount, ct_tensor **out) {
    return ct::making(out, [&] {
        std::vector<c10::IValue> arguments;
        for (int32_t index = 0; index < count; ++index) arguments.emplace_back(inputs[index]->value);
        torch::jit::Kwargs named;
        for (int32_t index = 0; index < flagCount; ++index) named.emplace(names[index], c10::IValue(flags[index]));
        return firstTensor(script->module.forward(std::move(arguments), named));
    });
}

ct_status ct_script_parameters(
    ct_script *script, void (*visit)(void *context, const char *name, ct_tensor *tensor), void *context) {
    return ct::guarded([&] {
        for (const auto &item : script->module.named_parameters()) {
            visit(context, item.name.c_str(), new ct_tensor{item.value});
        }
        for (const auto &item : script->module.named_buffers()) {
            visit(context, item.name.c_str(), new ct_tensor{item.value});
        }
    });
}
