"""THE table: every edit made to fairseq 0.12.2, what it cures and what is known of it upstream."""

from __future__ import annotations

from fairseq_xling_host.rows import Edit


def _no_eval(module: str, line: str, upstream: str = "none known") -> Edit:
    """A row that takes Python's `eval` away from a module which applies it to strings it is given."""
    return Edit(
        name=f"no-eval-{module.rpartition('.')[2].replace('_', '-')}",
        module=module,
        changes=((f"\n{line}\n", f"\n{line}; from fairseq_xling_host.expressions import evaluate as eval\n"),),
        why="option strings, which may come out of a checkpoint, went through eval(), which runs any code in them",
        upstream=upstream,
        hazard=r"(?<![\w.])eval\(",
    )


EDITS: tuple[Edit, ...] = (
    Edit(
        name="mutable-defaults",
        module="fairseq.dataclass.configs",
        changes=(
            (
                "    _name: Optional[str] = None\n\n    @staticmethod\n",
                "    _name: Optional[str] = None\n"
                "    def __init_subclass__(cls, **kw): super().__init_subclass__(**kw); "
                "cls.__hash__ = object.__hash__\n"
                "    @staticmethod\n",
            ),
        ),
        why="Python 3.11 refuses dataclass defaults that cannot be hashed; cures old-style user directories too",
        upstream="#5012",
        hazard=r"= CommonConfig\(\)",
    ),
    Edit(
        name="safe-load",
        module="fairseq.checkpoint_utils",
        changes=(
            (
                'state = torch.load(f, map_location=torch.device("cpu"))',
                "import fairseq_xling_host; state = fairseq_xling_host.load_checkpoint_file(f)",
            ),
        ),
        why="torch 2.6 loads tensors only; genuine checkpoints hold an argparse.Namespace, malicious ones hold code",
        upstream="#5610, #5611",
        hazard=r"(?<!new_)state = torch\.load\(",
    ),
    Edit(
        name="safe-load-ema",
        module="fairseq.checkpoint_utils",
        changes=(
            (
                "new_state = torch.load(\n",
                "import fairseq_xling_host; new_state = fairseq_xling_host.load_checkpoint_file(\n",
            ),
        ),
        why="the same for load_ema_from_checkpoint",
        upstream="#5610, #5611",
        hazard=r"new_state = torch\.load\(",
    ),
    Edit(
        name="peer-objects",
        module="fairseq.distributed.utils",
        changes=(
            (
                'obj = torch.load(buffer, map_location="cpu")',
                'obj = torch.load(buffer, map_location="cpu", weights_only=False)',
            ),
        ),
        why="ranks of one job send each other Python objects (all_gather_list unpickles them too); torch 2.6 refuses",
        upstream="#5611",
    ),
    Edit(
        name="encoder-fast-path",
        module="fairseq.modules.transformer_layer",
        changes=(("        self.can_use_fastpath = (\n", "        self.can_use_fastpath = False and (\n"),),
        why="torch 2 changed the fused encoder call: post-norm encoders failed with 'Mask Type should be defined'",
        upstream="#4858, #4899",
    ),
    Edit(
        name="numpy-int",
        module="fairseq.data.data_utils",
        changes=(("                    np.int,\n", "                    int,\n"),),
        why="NumPy 1.24 removed np.int",
        upstream="#4945",
        hazard=r"np\.int\b",
    ),
    Edit(
        name="numpy-percentile",
        module="fairseq.data.data_utils",
        changes=(('interpolation="lower"', 'method="lower"'),),
        why="NumPy 2.4 removed the old name of np.percentile's option, which --num-batch-buckets needs",
    ),
    Edit(
        name="numpy-float",
        module="fairseq.modules.dynamic_crf_layer",
        changes=(('np.float("inf")', 'float("inf")'),),
        why="NumPy 1.24 removed np.float",
        upstream="#4945, #5645",
        hazard=r"np\.float\b",
    ),
    Edit(
        name="numpy-long-blocks",
        module="fairseq.data.token_block_dataset",
        changes=(("dtype=np.compat.long", "dtype=np.int64"),),
        why="NumPy 2 removed np.compat",
        hazard=r"np\.compat\b",
    ),
    Edit(
        name="numpy-long-buckets",
        module="fairseq.data.language_pair_dataset",
        changes=(("otypes=[np.compat.long]", "otypes=[np.int64]"),),
        why="NumPy 2 removed np.compat",
        hazard=r"np\.compat\b",
    ),
    Edit(
        name="bitarray-rindex",
        module="fairseq.data.huffman.huffman_coder",
        changes=(("util.rindex(a, 1)", "a.find(1, right=True)"),),
        why="bitarray 3 removed util.rindex",
    ),
    Edit(
        name="sacrebleu-files",
        module="fairseq_cli.score",
        changes=(
            (
                "sacrebleu.corpus_bleu(fdsys, [fdref])",
                "sacrebleu.corpus_bleu([x.rstrip() for x in fdsys], [[x.rstrip() for x in fdref]])",
            ),
        ),
        why="sacrebleu 2 takes lists of sentences, no open files",
        upstream="#3914",
    ),
    Edit(
        name="sentence-bleu",
        module="fairseq_cli.score",
        changes=(
            (
                "bleu.Scorer(dict.pad(), dict.eos(), dict.unk())",
                "bleu.Scorer(bleu.BleuConfig(pad=dict.pad(), eos=dict.eos(), unk=dict.unk()))",
            ),
        ),
        why="fairseq-score --sentence-bleu calls the scorer as it was before 0.10",
        upstream="#5056",
    ),
    Edit(
        name="denoising-options",
        module="fairseq.tasks.denoising",
        changes=(
            (
                '        parser.add_argument(\n            "--max-source-positions",\n',
                '        if "--max-source-positions" not in parser._option_string_actions: parser.add_argument(\n'
                '            "--max-source-positions",\n',
            ),
            (
                '        parser.add_argument(\n            "--max-target-positions",\n',
                '        if "--max-target-positions" not in parser._option_string_actions: parser.add_argument(\n'
                '            "--max-target-positions",\n',
            ),
        ),
        why="BART's architectures declare the same options, and argparse refuses the second declaration",
        upstream="#4416",
    ),
    Edit(
        name="pretrained-bart-args",
        module="fairseq.tasks.translation_from_pretrained_bart",
        changes=(
            (
                "        super().__init__(args, src_dict, tgt_dict)\n",
                "        super().__init__(args, src_dict, tgt_dict); self.args = args\n",
            ),
        ),
        why="the task reads self.args, which its parent no longer sets",
        upstream="#3169, #4479",
    ),
    Edit(
        name="denoising-log-call",
        module="fairseq.tasks.multilingual_denoising",
        changes=(('"Language to id mapping: ", {', '"Language to id mapping: %s", {'),),
        why="a log message without a placeholder for its argument prints a traceback",
    ),
    Edit(
        name="bf16-without-tpu",
        module="fairseq.options",
        changes=(
            (
                "    if args.bf16:\n        args.tpu = True\n",
                "    if args.bf16 and args.tpu:\n        args.tpu = True\n",
            ),
        ),
        why="--bf16 switched to a TPU; --tpu asks for that by itself",
        upstream="#4696",
    ),
    Edit(
        name="cpu-processes",
        module="fairseq.distributed.utils",
        changes=(
            (
                "    if cfg.distributed_training.distributed_init_method is None:\n        infer_init_method(",
                "    import fairseq_xling_host.processes as host; host.prepare(cfg, main)\n"
                "    if cfg.distributed_training.distributed_init_method is None: infer_init_method(",
            ),
            (
                "nprocs=min(\n"
                "                    torch.cuda.device_count(),\n"
                "                    cfg.distributed_training.distributed_world_size,\n",
                "nprocs=host.local_processes(\n                    cfg,\n                    start_rank,\n",
            ),
            ("        # single GPU main\n", "        host.refuse_lone_rank(cfg)\n"),
        ),
        why="on a CPU --distributed-world-size 2 started no process and exited 0; --fp16 trained nothing",
        upstream="#2879",
        hazard=r"nprocs=min\(\s+torch\.cuda\.device_count\(\)",
    ),
    Edit(
        name="orphaned-ranks",
        module="fairseq.distributed.utils",
        changes=(
            (
                "    cfg.distributed_training.device_id = i\n    if torch.cuda.is_available()",
                "    import fairseq_xling_host.processes as host; host.end_with_parent(); "
                "cfg.distributed_training.device_id = i\n    if torch.cuda.is_available()",
            ),
        ),
        why="ranks that a killed fairseq-train has spawned waited for each other, for half an hour or for good",
    ),
    Edit(
        name="slurm-without-gpu",
        module="fairseq.distributed.utils",
        changes=(
            (
                "            if ntasks_per_node == 1:\n",
                "            if ntasks_per_node == 1 and torch.cuda.is_available():\n",
            ),
            (
                "assert ntasks_per_node == cfg.distributed_world_size // nnodes",
                "assert ntasks_per_node == cfg.distributed_world_size // nnodes, "
                'f"--distributed-world-size must be {ntasks_per_node * nnodes}, the number of SLURM tasks"',
            ),
        ),
        why="on CPU nodes under SLURM the world size became nodes x 0 devices",
    ),
    Edit(
        name="cpu-gather",
        module="fairseq.distributed.utils",
        changes=(
            (
                "        all_gather_list._buffer = torch.cuda.ByteTensor(buffer_size)\n"
                "        all_gather_list._cpu_buffer = torch.ByteTensor(max_size).pin_memory()\n",
                '        on_gpu = torch.distributed.get_backend(group) == "nccl"; all_gather_list._buffer = '
                'torch.ByteTensor(buffer_size).to("cuda" if on_gpu else "cpu")\n'
                "        all_gather_list._cpu_buffer = torch.ByteTensor(max_size); "
                "all_gather_list._cpu_buffer = all_gather_list._cpu_buffer.pin_memory() if on_gpu else "
                "all_gather_list._cpu_buffer\n",
            ),
        ),
        why="gathering Python objects (statistics that cannot be summed) asked for a GPU buffer on CPU ranks",
        hazard=r"_buffer = torch\.cuda\.ByteTensor",
    ),
    Edit(
        name="cpu-ddp",
        module="fairseq.models.distributed_fairseq_model",
        changes=(
            (
                "            device_ids=[args.device_id],\n            output_device=args.device_id,\n",
                '            device_ids=[args.device_id] if device.type == "cuda" else None,\n'
                '            output_device=args.device_id if device.type == "cuda" else None,\n',
            ),
        ),
        why="DistributedDataParallel takes no device ids for a model on the CPU",
        upstream="#2879",
    ),
    Edit(
        name="ddp-fused-copies",
        module="fairseq.models.distributed_fairseq_model",
        changes=(
            (
                "wrapped_model = DistributedDataParallel(\n            module=model.to(device),\n",
                "import fairseq_xling_host.processes as host; wrapped_model = DistributedDataParallel(\n"
                "            module=host.leave_fused_copies(model).to(device),\n",
            ),
        ),
        why="encoder layers hold parameters for the fused call that training never uses; DDP, the default, stops there",
    ),
    Edit(
        name="cpu-overflow",
        module="fairseq.trainer",
        changes=(("grad_norm = torch.tensor(0.0).cuda()", "grad_norm = torch.tensor(0.0).to(self.device)"),),
        why="a gradient overflow under --memory-efficient-fp16 asked for a GPU on the CPU",
    ),
    Edit(
        name="reader-at-exit",
        module="fairseq.data.iterators",
        changes=(
            (
                "        self._consumer.daemon = True\n",
                "        from fairseq_xling_host import readers; "
                "self._consumer.daemon = True; readers.stop_at_exit(self._consumer)\n",
            ),
        ),
        why="a command that ended while batches were still read ahead could abort after all its work was done",
    ),
    Edit(
        name="hydra-compose",
        module="fairseq.dataclass.utils",
        changes=(
            (
                "from hydra.experimental import compose, initialize\n",
                "from hydra import compose, initialize; "
                "from fairseq_xling_host.hydra_warnings import silence; silence()\n",
            ),
            ("initialize(config_path=config_path)", 'initialize(config_path=config_path, version_base="1.1")'),
            (
                'compose("config", overrides=overrides, strict=False)\n',
                'compose("config", overrides=overrides); OmegaConf.set_struct(composed_cfg, False)\n',
            ),
        ),
        why="every command printed up to six warnings of hydra 1.2 and later",
        upstream="#3722",
        hazard=r"hydra\.experimental|initialize\(config_path=config_path\)",
    ),
    Edit(
        name="hydra-main",
        module="fairseq_cli.hydra_train",
        changes=(
            (
                '@hydra.main(config_path=os.path.join("..", "fairseq", "config"), config_name="config")',
                '@hydra.main(config_path=os.path.join("..", "fairseq", "config"), config_name="config", '
                'version_base="1.1")',
            ),
        ),
        why="the same for fairseq-hydra-train",
        upstream="#3722",
    ),
    Edit(
        name="user-dir-by-name",
        module="fairseq.utils",
        changes=(
            (
                "                    raise FileNotFoundError(module_path)\n",
                "                    from fairseq_xling_host import user_dirs; "
                "module_path = user_dirs.installed_directory(args.user_dir)\n",
            ),
        ),
        why="--user-dir NAME looks beside fairseq, where an editable install of the package has nothing",
    ),
    _no_eval("fairseq.utils", "import torch"),
    _no_eval("fairseq.models.fconv", "import torch"),
    _no_eval("fairseq.models.fconv_lm", "from fairseq import utils"),
    _no_eval("fairseq.models.fconv_self_att", "import torch"),
    _no_eval("fairseq.models.lightconv_lm", "from fairseq import utils"),
    _no_eval("fairseq.models.transformer_lm", "from fairseq import options, utils"),
    _no_eval("fairseq.models.hubert.hubert", "import torch"),
    _no_eval("fairseq.models.wav2vec.wav2vec", "import torch"),
    _no_eval("fairseq.models.wav2vec.wav2vec2", "import torch"),
    _no_eval("fairseq.models.speech_to_text.s2t_wav_transformer", "import torch"),
    _no_eval("fairseq.data.audio.raw_audio_dataset", "import torch"),
    _no_eval("fairseq.criterions.ctc", "import torch"),
    _no_eval("fairseq.data.codedataset", "import torch", "#4869"),
)
