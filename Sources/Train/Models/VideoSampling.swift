/// Sampling from a video diffusion model.
extension VideoDiffusion {
    /// Diffused clips drawn from the model.
    ///
    /// - Parameters:
    ///   - first: the given frames, uint8 `(B, H, W, 3)`.
    ///   - captions: nil for a model without text.
    ///   - seeds: one for each clip; the same seeds give the same bytes.
    ///   - guidance: the scale w of ε = ε_u + w (ε_c − ε_u); 1 for none (Ho & Salimans 2021).
    ///   - progress: told after each step how many are done; what it throws ends sampling.
    /// - Returns: float32 `(B·T, h, w, channels)`.
    /// - Throws: `TrainError`, NaN from the network included.
    public func sample(
        first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed], options: SamplerOptions, guidance: Double,
        progress: (Int) throws(TrainError) -> Void = { _ in }
    ) throws(TrainError) -> Tensor {
        try withoutGradients { () throws(TrainError) in
            let clips = seeds.count
            let shape = self.options.clipShape
            var draws: [Tensor] = []
            for seed in seeds { draws.append(try Tensor.normal(shape, seed: seed.mixed("noise").value)) }
            let noise = try Tensor.concatenated(draws, along: 0).to(store.device)
            let guides = guidance != 1 && captions != nil
            let once = try condition(first: first)
            let condition = guides ? try Tensor.concatenated([once, once], along: 0) : once
            let given = try embedding(captions, isGiven: [Bool](repeating: true, count: clips))
            var text = given
            if guides, let given,
                let empty = try embedding(captions, isGiven: [Bool](repeating: false, count: clips))
            {
                text = try .concatenated([given, empty], along: 0)
            }
            var options = options
            options.clipping = options.clipping ?? self.options.clipping
            let sampler = try Sampler(process, options)
            return try sampler.sample(noise: noise, seeds: seeds, progress: progress) { x, step throws(TrainError) in
                let steps = [Int](repeating: step, count: guides ? 2 * clips : clips)
                let input = guides ? try Tensor.concatenated([x, x], along: 0) : x
                let both = try self.predict(input, condition: condition, steps: steps, text: text).to(.float32)
                guard guides else { return both }
                let half = clips * shape[0]
                return try guided(
                    conditional: both.sliced(0..<half, along: 0),
                    unconditional: both.sliced(half..<(2 * half), along: 0), scale: guidance)
            }
        }
    }
}
