"""Models of other programs as Relax modules: ONNX, TFLite, PyTorch, TVMScript, Relax's JSON, and Relay.

    loaded = nir.tvm.load_model("model.onnx", shapes={"image": (1, 3, 224, 224)})
    loaded.module, loaded.inputs, loaded.outputs

`loading` has the entry point, `recognition` finds out what a file is; then one module or more per format. TVM's front
ends do the work; what stands here is what real models need besides: fixing of dynamic shapes, rewriting of what TVM
does not read or reads badly, and errors in plain words.
"""
