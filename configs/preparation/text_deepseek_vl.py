# DeepSeek-VL, one of the reference implementation's models.
_base_ = './text_llava.py'

source = dict(model='deepseek-community/deepseek-vl-1.3b-chat')
